//! Which view the command line asks for, made of [`VIEWS`].

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, FromArgMatches};

use crate::ask::command::{self, Argument, VIEWS, ViewKind};

/// The view that was asked for.
#[derive(Clone, Debug, Default)]
pub struct ViewArgs {
    view: Option<(&'static ViewKind, String)>,
    /// Of what grows: as JSON.
    json: bool,
}

impl ViewArgs {
    /// The view.
    pub fn command(&self) -> anyhow::Result<command::Command> {
        match &self.view {
            Some(_) if self.json => Ok(command::Command::GrowthJson),
            Some((view, argument)) => view.command(&format!("--{}", view.name), argument),
            None => Ok(command::Command::Top),
        }
    }

    /// The file that was given with it.
    pub fn file(&self) -> Option<PathBuf> {
        let (view, argument) = self.view.as_ref()?;
        let is_file = view.argument != Argument::Functions && !argument.is_empty();
        is_file.then(|| PathBuf::from(argument))
    }
}

impl clap::Args for ViewArgs {
    fn augment_args(command: Command) -> Command {
        let group = ArgGroup::new("view").args(VIEWS.iter().map(|view| view.name)).multiple(true);
        command.args(VIEWS.iter().map(argument)).group(group)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ViewArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<ViewArgs, clap::Error> {
        let given =
            VIEWS.iter().filter_map(|view| Some((view, matches.get_one::<String>(view.name)?.clone())));
        let mut given: Vec<_> = given.collect();
        let names: Vec<&str> = given.iter().map(|(view, _)| view.name).collect();
        match names[..] {
            [] | [_] => Ok(ViewArgs { view: given.pop(), json: false }),
            // A file may be named with either.
            ["growth", "json"] => {
                given.sort_by_key(|(_, file)| file.is_empty());
                Ok(ViewArgs { view: given.into_iter().next(), json: true })
            }
            [one, other, ..] => Err(clap::Error::raw(
                ErrorKind::ArgumentConflict,
                format!("the argument '--{one}' cannot be used with '--{other}'\n"),
            )),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = ViewArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

fn argument(view: &'static ViewKind) -> Arg {
    let argument = Arg::new(view.name).long(view.name).help(view.help).help_heading("Views");
    match view.argument {
        Argument::Functions => argument.value_name("REGEX"),
        Argument::File => argument.value_name("FILE"),
        Argument::None if view.name == "web" => {
            let nothing = PossibleValuesParser::new([""]);
            argument.action(ArgAction::Set).num_args(0).default_missing_value("").value_parser(nothing)
        }
        // `--svg=FILE`
        Argument::None => {
            let hidden = ["top", "text"].contains(&view.name);
            let optional = argument.num_args(0..=1).require_equals(true).default_missing_value("");
            optional.value_name("FILE").hide(hidden)
        }
    }
}
