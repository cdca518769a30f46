//! The prompt of `-i`: pprof's commands in pprof's spelling (`internal/driver/interactive.go`).

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, Editor, Helper, Highlighter, Hinter, Validator};

use super::command::Command;
use super::graph::Sort;
use super::header::Header;
use super::profile::Profile;
use super::setting::{self, SETTINGS};
use super::view::{Options, View};
use super::{compiled, terminal_width, text};

/// Rows of `top` unless asked for more; pprof's.
const TOP_LIMIT: usize = 10;
/// Most completions offered.
const COMPLETIONS_LIMIT: usize = 100;

/// A command: name, arguments, what it does.
const COMMANDS: [(&str, &str, &str); 15] = [
    ("comments", "", "Show what the profile says of itself"),
    ("dot", "[n] [focus]* [-ignore]* [>file]", "Write the call graph for graphviz"),
    ("exit", "", "Leave; also quit, q, ^D"),
    ("flamegraph", "file", "Write a flame graph, an SVG picture"),
    ("folded", "[focus]* [-ignore]* [>file]", "Show stacks as lines for flame graph tools"),
    ("help", "[command or variable]", "Explain"),
    ("json", "[n] [-cum] [focus]* [-ignore]* [>file]", "Show the top table as JSON"),
    ("list", "function [focus]* [-ignore]* [>file]", "Show source, with flat and cum for each line"),
    ("options", "", "Show variables and their values; also o"),
    ("peek", "function [focus]* [-ignore]* [>file]", "Show callers and callees of a function"),
    ("tags", "[focus]* [-ignore]* [>file]", "Show labels and what their samples add up to"),
    ("text", "[n] [-cum] [focus]* [-ignore]* [>file]", "The same as top"),
    ("top", "[n] [-cum] [focus]* [-ignore]* [>file]", "Show the functions that hold most: top, top20"),
    ("traces", "[focus]* [-ignore]* [>file]", "Show each sample with its stack"),
    (
        "tree",
        "[n] [-cum] [focus]* [-ignore]* [>file]",
        "Show callers and callees of the functions that hold most",
    ),
];

/// Reads commands until there are no more.
pub fn run(profile: &Profile, options: Options, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut session = Session { profile, options };
    text::header(out, &Header::new(&session.view()?))?;
    if !io::stdin().is_terminal() {
        for line in io::stdin().lines() {
            if session.enter(&line?, out)? == Next::Leave {
                break;
            }
        }
        return Ok(());
    }
    writeln!(out, "Type help for commands, o for variables.")?;
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true);
    let mut editor: Editor<Completions, DefaultHistory> = Editor::with_config(config.build())?;
    editor.set_helper(Some(Completions::new(profile)));
    loop {
        out.flush()?;
        match editor.readline("(heaptrace) ") {
            Ok(line) if session.enter(&line, out)? == Next::Leave => return Ok(()),
            Ok(_) | Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether to read another line.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Stay,
    Leave,
}

/// The profile, and what was set so far.
struct Session<'a> {
    profile: &'a Profile,
    options: Options,
}

impl Session<'_> {
    fn view(&self) -> anyhow::Result<View<'_>> {
        View::new(self.profile, &self.options)
    }

    /// Does what a line says. What is wrong with it is said on stderr; only an error in writing ends
    /// the session.
    fn enter(&mut self, line: &str, out: &mut dyn Write) -> anyhow::Result<Next> {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["exit" | "quit" | "q"] = words[..] {
            return Ok(Next::Leave);
        }
        if let Err(error) = self.act(line.trim(), &words, out) {
            if error.is::<io::Error>() {
                return Err(error);
            }
            eprintln!("heaptrace: {error:#}");
        }
        out.flush()?;
        Ok(Next::Stay)
    }

    fn act(&mut self, line: &str, words: &[&str], out: &mut dyn Write) -> anyhow::Result<()> {
        match *words {
            [] => Ok(()),
            ["o" | "options"] => self.show_options(out),
            ["help"] => help(out),
            ["help", name] => help_on(out, name),
            ["comments"] => Ok(text::header(out, &Header::new(&self.view()?))?),
            [":"] => self.clear_filters(),
            _ if self.assign(line)? => Ok(()),
            [name, ref arguments @ ..] => self.show(name, arguments, out),
        }
    }

    /// Understands `name=value`, and a name that stands for such: a value that a variable can have,
    /// or a sample type. Whether it was one.
    fn assign(&mut self, line: &str) -> anyhow::Result<bool> {
        let is_setting = |name: &str| SETTINGS.iter().any(|s| s.name == name);
        if let Some((name, value)) = line.split_once('=')
            && is_setting(name.trim())
        {
            // pprof takes what `options` shows, with its remark, for an assignment.
            let value = value.split("//:").next().unwrap_or_default();
            setting::set(&mut self.options, self.profile, name.trim(), value.trim())?;
            return Ok(true);
        }
        let chosen = SETTINGS.iter().find(|s| s.choices.contains(&line));
        let types = &self.profile.sample_types;
        let setting = match chosen {
            Some(setting) => setting.name,
            None if types.iter().any(|t| t.name == line) => "sample_index",
            None => return Ok(false),
        };
        setting::set(&mut self.options, self.profile, setting, line)?;
        Ok(true)
    }

    fn clear_filters(&mut self) -> anyhow::Result<()> {
        for name in ["focus", "ignore", "hide", "tagfocus", "tagignore"] {
            setting::set(&mut self.options, self.profile, name, "")?;
        }
        Ok(())
    }

    fn show_options(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        for setting in &SETTINGS {
            let value = match setting::get(&self.options, self.profile, setting.name) {
                value if value.is_empty() => "\"\"".to_owned(),
                value => value,
            };
            let types = self.profile.sample_types.iter();
            let choices: Vec<&str> = match setting.name {
                "sample_index" => types.map(|t| t.name.as_str()).collect(),
                _ => setting.choices.to_vec(),
            };
            let remark = match choices.is_empty() {
                true => String::new(),
                false => format!("//: [{}]", choices.join(" | ")),
            };
            let line = format!("  {:<25} = {value:<20} {remark}", setting.name);
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Shows a view. What its arguments say holds for it alone.
    fn show(&self, name: &str, arguments: &[&str], out: &mut dyn Write) -> anyhow::Result<()> {
        let mut options = self.options.clone();
        let (name, mut arguments) = split_count(name, arguments);
        let command = command(name, &mut arguments)?;
        if let Command::Top | Command::Json = command {
            options.limit = options.limit.or(Some(TOP_LIMIT));
        }
        let file = modify(&mut options, self.profile, name, &arguments)?;
        let view = View::new(self.profile, &options)?;
        for filter in &view.selection.unmatched {
            eprintln!("heaptrace: {filter} matches nothing in this profile");
        }
        match file {
            None => command.run(&view, out, terminal_width()),
            Some(path) => {
                let mut plain = anstream::StripStream::new(Vec::new());
                command.run(&view, &mut plain, None)?;
                let name = path.display();
                fs::write(&path, plain.into_inner()).with_context(|| format!("cannot write {name}"))
            }
        }
    }
}

/// Splits the number off a name: `top10` is `top 10`.
fn split_count<'a>(name: &'a str, arguments: &[&'a str]) -> (&'a str, Vec<&'a str>) {
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let count = &name[word.len()..];
    let count = (!count.is_empty()).then_some(count);
    (word, count.into_iter().chain(arguments.iter().copied()).collect())
}

/// The command called `name`; takes its own argument from `arguments`.
fn command(name: &str, arguments: &mut Vec<&str>) -> anyhow::Result<Command> {
    let mut argument = || match arguments.is_empty() {
        true => Err(anyhow!("{name} needs an argument")),
        false => Ok(arguments.remove(0)),
    };
    Ok(match name {
        "top" | "text" => Command::Top,
        "json" => Command::Json,
        "tree" => Command::Tree,
        "traces" => Command::Traces,
        "tags" => Command::Tags,
        "folded" => Command::Folded,
        "dot" => Command::Dot,
        "list" => Command::List(compiled("list", argument()?)?),
        "peek" => Command::Peek(compiled("peek", argument()?)?),
        "flamegraph" => Command::Flamegraph(PathBuf::from(argument()?)),
        name if SETTINGS.iter().any(|setting| setting.name == name) => {
            bail!("to set it, type {name}={}", argument().unwrap_or("VALUE"))
        }
        _ => bail!("there is no command {name:?}; help shows those there are"),
    })
}

/// Applies arguments to the options of one command: a number of rows, `-cum`, focus, `-ignore`.
/// Returns the file to write to, if one is given.
fn modify(
    options: &mut Options,
    profile: &Profile,
    command: &str,
    arguments: &[&str],
) -> anyhow::Result<Option<PathBuf>> {
    let mut file = None;
    let (mut focus, mut ignore) = (Vec::new(), Vec::new());
    let mut arguments = arguments.iter().copied();
    while let Some(argument) = arguments.next() {
        if let Ok(count) = argument.parse() {
            options.limit = Some(count);
        } else if let "-cum" | "--cum" = argument {
            options.sort = Sort::Cum;
        } else if let Some(path) = argument.strip_prefix('>') {
            let path = Some(path).filter(|path| !path.is_empty());
            let path = path.or_else(|| arguments.next());
            file = Some(PathBuf::from(path.context("there is no file after >")?));
        } else if let Some(regex) = argument.strip_prefix('-') {
            ignore.push(regex);
        } else {
            focus.push(argument);
        }
    }
    let filters = match command {
        "tags" => [("tagfocus", focus), ("tagignore", ignore)],
        _ => [("focus", focus), ("ignore", ignore)],
    };
    for (name, parts) in filters {
        if !parts.is_empty() {
            setting::set(options, profile, name, &parts.join("|"))?;
        }
    }
    Ok(file)
}

fn help(out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "Commands:")?;
    for (name, _, what) in COMMANDS {
        writeln!(out, "  {name:<14} {what}")?;
    }
    writeln!(out, "\nVariables, set by name=value:")?;
    for setting in &SETTINGS {
        writeln!(out, "  {:<14} {}", setting.name, setting.help)?;
        if !setting.choices.is_empty() {
            writeln!(out, "  {:<14}   {}", "", setting.choices.join(", "))?;
        }
    }
    writeln!(out, "\n  {:<14} Take away focus, ignore, hide, tagfocus and tagignore", ":")?;
    Ok(())
}

fn help_on(out: &mut dyn Write, name: &str) -> anyhow::Result<()> {
    if let Some((name, arguments, what)) = COMMANDS.iter().find(|c| c.0 == name) {
        writeln!(out, "{what}\n  {}", format!("{name} {arguments}").trim_end())?;
    } else if let Some(setting) = SETTINGS.iter().find(|s| s.name == name) {
        writeln!(out, "{}\n  {name}=VALUE", setting.help)?;
    } else if let Some(setting) = SETTINGS.iter().find(|s| s.choices.contains(&name)) {
        writeln!(out, "{}\n  {}={name}", setting.help, setting.name)?;
    } else {
        bail!("there is neither a command nor a variable {name:?}");
    }
    Ok(())
}

/// Completes commands, variables, and functions after a command.
#[derive(Helper, Highlighter, Hinter, Validator)]
struct Completions {
    words: Vec<String>,
    functions: Vec<String>,
}

impl Completions {
    fn new(profile: &Profile) -> Completions {
        let commands = COMMANDS.iter().map(|(name, ..)| (*name).to_owned());
        let choices = SETTINGS.iter().flat_map(|s| s.choices).map(|c| (*c).to_owned());
        let settings = SETTINGS.iter().map(|s| format!("{}=", s.name));
        let types = profile.sample_types.iter().map(|t| t.name.clone());
        let functions = profile.functions.iter();
        let functions = functions.map(|f| profile.text(f.name).to_owned());
        let mut completions = Completions {
            words: commands.chain(choices).chain(settings).chain(types).collect(),
            functions: functions.collect(),
        };
        completions.functions.sort_unstable();
        completions.functions.dedup();
        completions
    }
}

impl Completer for Completions {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let line = &line[..position];
        let start = line.rfind([' ', '=']).map_or(0, |at| at + 1);
        let word = &line[start..];
        let first = line[..start].trim();
        let candidates: Vec<String> = if first.is_empty() || first == "help" {
            let words = self.words.iter();
            words.filter(|w| w.starts_with(word)).cloned().collect()
        } else if first == "sample_index=" {
            let words = self.words.iter();
            words.filter(|w| w.starts_with(word) && w.contains('_') && !w.ends_with('=')).cloned().collect()
        } else {
            let functions = self.functions.iter();
            let matching = functions.filter(|f| f.contains(word));
            // A name with parentheses is an expression that does not match itself.
            matching.take(COMPLETIONS_LIMIT).map(|f| regex::escape(f)).collect()
        };
        Ok((start, candidates))
    }
}
