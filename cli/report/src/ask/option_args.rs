//! The options of the command line, made of [`SETTINGS`].

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, FromArgMatches};

use crate::ask::setting::{Heading, SETTINGS, Setting};
use crate::view::basis::Options;

/// Sample types that are options too, as in pprof.
const SAMPLE_TYPES: [&str; 6] =
    ["inuse_space", "inuse_objects", "alloc_space", "alloc_objects", "peak_space", "peak_objects"];

/// The options that were given, with their values.
#[derive(Clone, Debug, Default)]
pub struct OptionArgs(Vec<(&'static Setting, String)>);

impl OptionArgs {
    /// Sets what they say.
    pub fn set(&self, options: &mut Options) -> anyhow::Result<()> {
        for (setting, value) in &self.0 {
            setting.set(options, &format!("--{}", setting.flag), value)?;
        }
        Ok(())
    }
}

impl clap::Args for OptionArgs {
    fn augment_args(command: Command) -> Command {
        let settings = SETTINGS.iter().map(argument);
        command.args(settings).args(words().map(|(setting, word)| word_argument(setting, word)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OptionArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<OptionArgs, clap::Error> {
        let values = SETTINGS
            .iter()
            .filter_map(|setting| Some((setting, matches.get_one::<String>(setting.name)?.clone())));
        let given = |(_, word): &(&'static Setting, String)| {
            matches.get_one::<String>(word).is_some_and(|value| value == "true")
        };
        Ok(OptionArgs(words().filter(given).chain(values).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = OptionArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

fn argument(setting: &'static Setting) -> Arg {
    let mut argument = Arg::new(setting.name).long(setting.flag).help(setting.help);
    if setting.flag != setting.name {
        argument = argument.alias(setting.name);
    }
    argument = match setting.name {
        "sample_index" => argument.short('s'),
        // −1 is pprof's word for as many as suits the view.
        "nodecount" => argument.short('n').allow_negative_numbers(true),
        _ => argument,
    };
    if setting.value.is_empty() {
        argument = switch(argument);
    } else {
        argument = argument.value_name(setting.value);
    }
    let values = setting.possible_values();
    if !values.is_empty() {
        argument = argument.value_parser(PossibleValuesParser::new(values));
    }
    match setting.heading {
        Heading::Options => argument,
        Heading::Filters => argument.help_heading("Filters"),
        Heading::OwnCode => argument.help_heading("Own code"),
    }
}

/// The values that alone stand for their setting, as in pprof: `--cum`, `-lines`, `-alloc_space`.
fn words() -> impl Iterator<Item = (&'static Setting, String)> {
    let choices = SETTINGS.iter().flat_map(|s| s.choices().into_iter().map(move |choice| (s, choice)));
    let sample_index = SETTINGS.iter().filter(|setting| setting.name == "sample_index");
    choices.chain(sample_index.flat_map(|s| SAMPLE_TYPES.map(|name| (s, name.to_owned()))))
}

fn word_argument(setting: &'static Setting, word: String) -> Arg {
    let argument = switch(Arg::new(word.clone()).long(word.clone()));
    match word.as_str() {
        "cum" => argument.help("Sort by cum: what a function holds together with all that it calls"),
        _ => argument.help(format!("The same as --{} {word}", setting.flag)).hide(true),
    }
}

/// On where it is given, and `=true` or `=false` as pprof has it.
fn switch(argument: Arg) -> Arg {
    argument.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL")
}
