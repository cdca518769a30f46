//! The prompt of `-i`: pprof's commands in pprof's spelling (`internal/driver/interactive.go`).

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail, ensure};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, Editor, Helper, Highlighter, Hinter, Validator};

use crate::ask::command::{Argument, Command, VIEWS, ViewKind};
use crate::ask::config::Configs;
use crate::ask::history;
use crate::ask::setting::{SETTINGS, Setting};
use crate::pattern::Pattern;
use crate::profile::tables::Profile;
use crate::render::output::Output;
use crate::render::text;
use crate::say::say;
use crate::view::basis::{Options, View};
use crate::view::graph::Sort;
use crate::view::header::Header;

/// Rows of `top` unless asked for more; pprof's.
const TOP_LIMIT: usize = 10;
/// Most completions offered.
const COMPLETIONS_LIMIT: usize = 100;

/// Commands that show no view: name, arguments, what it does.
const COMMANDS: [(&str, &str, &str); 4] = [
    (
        "config",
        "[name | save name | delete name]",
        "Variables saved under names: list them, take them, save them as they are, delete them",
    ),
    ("exit", "", "Leave; also quit, q, ^D"),
    ("help", "[command or variable]", "Explain"),
    ("options", "", "Variables and their values; also o"),
];

/// What is typed after the name of a view.
fn arguments_of(view: &ViewKind) -> String {
    let what = match view.argument {
        Argument::File => return "file".to_owned(),
        Argument::Functions => "function ",
        Argument::None if view.has_rows => "[n] [-cum] ",
        Argument::None => "",
    };
    format!("{what}[focus]* [-ignore]* [>file] [| command]")
}

/// Reads commands until there are no more.
pub fn run(profile: &Profile, options: Options, out: &mut Output) -> anyhow::Result<()> {
    // As in pprof, whose prompt says what the profile is once.
    let options = Options { compact_labels: true, ..options };
    let mut prompt = Prompt { profile, options, output: None };
    text::header(&mut out.text(), &Header::new(&prompt.view()?))?;
    if !io::stdin().is_terminal() {
        for line in io::stdin().lines() {
            if prompt.enter(&line?, out)? == Next::Leave {
                break;
            }
        }
        return Ok(());
    }
    writeln!(out.text(), "Type help for commands, o for variables.")?;
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true);
    let mut editor: Editor<Completions, DefaultHistory> = Editor::with_config(config.build())?;
    editor.set_helper(Some(Completions::new(profile)));
    history::load(&mut editor);
    let result = prompt.converse(&mut editor, out);
    history::save(&mut editor);
    result
}

/// Whether to read another line.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Stay,
    Leave,
}

/// The profile, and what was set so far.
struct Prompt<'a> {
    profile: &'a Profile,
    options: Options,
    /// The file that views go to, if they all go to one.
    output: Option<PathBuf>,
}

impl Prompt<'_> {
    fn view(&self) -> anyhow::Result<View<'_>> {
        View::new(self.profile, &self.options)
    }

    /// Reads lines at a terminal.
    fn converse(
        &mut self,
        editor: &mut Editor<Completions, DefaultHistory>,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        loop {
            out.flush()?;
            match editor.readline("(heaptrace) ") {
                Ok(line) if self.enter(&line, out)? == Next::Leave => return Ok(()),
                Ok(_) | Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Does what a line says. What is wrong with it is said on stderr; only an error in writing ends
    /// the session.
    fn enter(&mut self, line: &str, out: &mut Output) -> anyhow::Result<Next> {
        if let "exit" | "quit" | "q" = line.trim() {
            return Ok(Next::Leave);
        }
        let done = match line.split_once(" |").filter(|_| !is_assignment(line)) {
            Some((line, shell)) => {
                out.flush()?;
                Output::to_command(shell, |out| self.act(line.trim(), out))
            }
            None => self.act(line.trim(), out),
        };
        if let Err(error) = done {
            if error.is::<io::Error>() {
                return Err(error);
            }
            say(format_args!("{error:#}"));
        }
        out.flush()?;
        Ok(Next::Stay)
    }

    fn act(&mut self, line: &str, out: &mut Output) -> anyhow::Result<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => Ok(()),
            ["o" | "options"] => self.show_options(&mut out.text()),
            ["help"] => help(&mut out.text()),
            ["help", name] => help_on(&mut out.text(), name),
            [":"] => self.clear_filters(),
            ["config"] => self.list_configs(&mut out.text()),
            ["config", "save", name] => {
                let path = Configs::change(|configs| configs.save(name, &self.options))?;
                say(format_args!("saved as {name} in {}", path.display()));
                Ok(())
            }
            ["config", "delete", name] => Configs::change(|configs| configs.delete(name)).map(drop),
            ["config", name] => Configs::read()?.apply(name, &mut self.options),
            ["config", ..] => bail!("config takes a name, save and a name, or delete and a name"),
            _ if self.assign(line)? => Ok(()),
            [name, ref arguments @ ..] => self.show(name, arguments, out),
        }
    }

    /// Understands `mean_` and `total_` before a sample type, as pprof does, and then what is below.
    fn assign(&mut self, line: &str) -> anyhow::Result<bool> {
        let means = [("mean_", true), ("total_", false)];
        let of = |prefix: &str| line.strip_prefix(prefix).filter(|name| self.is_sample_type(name));
        match means.into_iter().find_map(|(prefix, mean)| Some((of(prefix)?, mean))) {
            Some((name, mean)) => {
                self.options.mean = mean;
                self.assign_one(name)
            }
            None => self.assign_one(line),
        }
    }

    fn is_sample_type(&self, name: &str) -> bool {
        self.profile.sample_types.iter().any(|t| t.name == name)
    }

    /// Understands `name=value`, and a word that stands for such: a value that a variable can have, a
    /// switch, or a sample type. Whether it was one.
    fn assign_one(&mut self, line: &str) -> anyhow::Result<bool> {
        match line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some(("output", file)) => {
                self.output = Some(PathBuf::from(file)).filter(|_| !file.is_empty());
                return Ok(true);
            }
            Some(("normalize", _)) => bail!("normalize is an option of the command line, beside --base"),
            _ => {}
        }
        let assigned = line.split_once('=').and_then(|(name, value)| {
            // pprof takes what `options` shows, with its remark, for an assignment.
            let value = value.split("//:").next().unwrap_or_default();
            Some((Setting::find(name.trim())?, value.trim()))
        });
        let is_type = self.is_sample_type(line);
        let sample_type = || Setting::find("sample_index").filter(|_| is_type).map(|s| (s, line));
        match assigned.or_else(|| Setting::of_word(line)).or_else(sample_type) {
            Some((setting, value)) => set(&mut self.options, self.profile, setting, value)?,
            None => return Ok(false),
        }
        Ok(true)
    }

    fn list_configs(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        for line in Configs::read()?.described() {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }

    fn clear_filters(&mut self) -> anyhow::Result<()> {
        for name in ["focus", "ignore", "hide", "tagfocus", "tagignore"] {
            set_filter(&mut self.options, name, "")?;
        }
        Ok(())
    }

    fn show_options(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        for setting in SETTINGS {
            let value = match setting.get(&self.options) {
                name if setting.name == "sample_index" => {
                    let index = self.profile.sample_index(&name).unwrap_or_default();
                    self.profile.sample_types[index].name.clone()
                }
                value if value.is_empty() => "\"\"".to_owned(),
                value => value,
            };
            let types = self.profile.sample_types.iter();
            let choices: Vec<String> = match setting.name {
                "sample_index" => types.map(|t| t.name.clone()).collect(),
                _ => setting.choices(),
            };
            let remark = match choices.is_empty() {
                true => String::new(),
                false => format!("//: [{}]", choices.join(" | ")),
            };
            let line = format!("  {:<25} = {value:<20} {remark}", setting.name);
            writeln!(out, "{}", line.trim_end())?;
        }
        let file = self.output.as_ref().map_or("\"\"".to_owned(), |file| file.display().to_string());
        writeln!(out, "  {:<25} = {file}", "output")?;
        Ok(())
    }

    /// Shows a view. What its arguments say holds for it alone.
    fn show(&self, name: &str, arguments: &[&str], out: &mut Output) -> anyhow::Result<()> {
        let mut options = self.options.clone();
        let (name, mut arguments) = split_count(name, arguments);
        let (command, own_file) = command(name, &mut arguments)?;
        if let Command::Top | Command::Json = command {
            options.limit = options.limit.or(Some(TOP_LIMIT));
        }
        let file = modify(&mut options, name, &arguments)?;
        let profile = options.with_label_frames(self.profile);
        let view = View::new(&profile, &options)?;
        let Some(path) = own_file.or(file).or_else(|| self.output.clone()) else {
            return command.run(&view, out);
        };
        Output::to_file(&path, |file| command.run(&view, file))?;
        say(format_args!("written to {}", path.display()));
        Ok(())
    }
}

/// Whether a line gives a variable a value.
fn is_assignment(line: &str) -> bool {
    let is_variable = |name: &str| name == "output" || Setting::find(name).is_some();
    line.split_once('=').is_some_and(|(name, _)| is_variable(name.trim()))
}

/// Splits the number off a name: `top10` is `top 10`.
fn split_count<'a>(name: &'a str, arguments: &[&'a str]) -> (&'a str, Vec<&'a str>) {
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let count = &name[word.len()..];
    let count = (!count.is_empty()).then_some(count);
    (word, count.into_iter().chain(arguments.iter().copied()).collect())
}

/// The command called `name`, and the file that it needs to write; takes its own argument from
/// `arguments`.
fn command(name: &str, arguments: &mut Vec<&str>) -> anyhow::Result<(Command, Option<PathBuf>)> {
    let mut argument = || match arguments.is_empty() {
        true => Err(anyhow!("{name} needs an argument")),
        false => Ok(arguments.remove(0)),
    };
    let Some(view) = ViewKind::find(name) else {
        if Setting::find(name).is_some() {
            bail!("to set it, type {name}={}", argument().unwrap_or("VALUE"));
        }
        bail!("there is no command {name:?}; help shows those there are");
    };
    let argument = match view.argument {
        Argument::None => "",
        Argument::Functions | Argument::File => argument()?,
    };
    let file = (view.argument == Argument::File).then(|| PathBuf::from(argument));
    Ok((view.command(name, argument)?, file))
}

/// Applies arguments to the options of one command: a number of rows, `-cum`, focus, `-ignore`.
/// Returns the file to write to, if one is given.
fn modify(options: &mut Options, command: &str, arguments: &[&str]) -> anyhow::Result<Option<PathBuf>> {
    let mut file = None;
    let (mut focus, mut ignore) = (Vec::new(), Vec::new());
    let mut arguments = arguments.iter().copied();
    while let Some(argument) = arguments.next() {
        if let Ok(count) = argument.parse() {
            options.limit = Some(count);
        } else if let "-cum" | "--cum" = argument {
            options.sort = Sort::Cum;
        } else if let Some(path) = argument.strip_prefix('>') {
            ensure!(!path.starts_with('>'), "there is no >>; > writes a file anew");
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
            set_filter(options, name, &parts.join("|"))?;
        }
    }
    Ok(file)
}

/// Sets a variable. That of the sample type takes only those that the profile has.
fn set(options: &mut Options, profile: &Profile, setting: &Setting, value: &str) -> anyhow::Result<()> {
    if setting.name == "sample_index" {
        let index = profile.sample_index(value).map_err(anyhow::Error::msg)?;
        return setting.set(options, setting.name, &profile.sample_types[index].name);
    }
    setting.set(options, setting.name, value)
}

/// Sets a filter, which there is.
fn set_filter(options: &mut Options, name: &str, value: &str) -> anyhow::Result<()> {
    let setting = Setting::find(name).with_context(|| format!("there is no variable {name}"))?;
    setting.set(options, name, value)
}

fn help(out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "Commands:")?;
    let views = VIEWS.iter().map(|view| (view.name, view.help));
    let mut commands: Vec<_> = COMMANDS.iter().map(|&(name, _, what)| (name, what)).chain(views).collect();
    commands.sort_unstable();
    for (name, what) in commands {
        writeln!(out, "  {name:<20} {what}")?;
    }
    writeln!(out, "\nVariables, set by name=value:")?;
    for setting in SETTINGS {
        writeln!(out, "  {:<20} {}", setting.name, setting.help)?;
        let choices = setting.choices();
        if !choices.is_empty() {
            writeln!(out, "  {:<20}   {}", "", choices.join(", "))?;
        }
    }
    writeln!(out, "  {:<20} The file that views are written to", "output")?;
    writeln!(out, "\n  {:<20} Take away focus, ignore, hide, tagfocus and tagignore", ":")?;
    Ok(())
}

fn help_on(out: &mut dyn Write, name: &str) -> anyhow::Result<()> {
    if let Some((name, arguments, what)) = COMMANDS.iter().find(|c| c.0 == name) {
        writeln!(out, "{what}\n  {}", format!("{name} {arguments}").trim_end())?;
    } else if let Some(view) = ViewKind::find(name) {
        writeln!(out, "{}\n  {name} {}", view.help, arguments_of(view))?;
    } else if let Some(setting) = Setting::find(name) {
        writeln!(out, "{}\n  {name}=VALUE", setting.help)?;
    } else if let Some((setting, value)) = Setting::of_word(name) {
        writeln!(out, "{}\n  {}={value}", setting.help, setting.name)?;
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
        let commands = COMMANDS.iter().map(|(name, ..)| *name);
        let commands = commands.chain(VIEWS.iter().map(|view| view.name)).map(str::to_owned);
        let choices = SETTINGS.iter().flat_map(Setting::choices);
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
            matching.take(COMPLETIONS_LIMIT).map(|f| Pattern::escaped(f)).collect()
        };
        Ok((start, candidates))
    }
}
