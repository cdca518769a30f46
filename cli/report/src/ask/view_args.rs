//! Which view the command line asks for, made of [`VIEWS`].

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, FromArgMatches};

use crate::ask::command::{self, Argument, VIEWS, ViewKind};

/// The view that was asked for.
#[derive(Clone, Debug, Default)]
pub struct ViewArgs(Option<(&'static ViewKind, String)>);

impl ViewArgs {
    /// The view.
    pub fn command(&self) -> anyhow::Result<command::Command> {
        match &self.0 {
            Some((view, argument)) => view.command(&format!("--{}", view.name), argument),
            None => Ok(command::Command::Top),
        }
    }

    /// The file that was given with it.
    pub fn file(&self) -> Option<PathBuf> {
        let (view, argument) = self.0.as_ref()?;
        let is_file = view.argument != Argument::Functions && !argument.is_empty();
        is_file.then(|| PathBuf::from(argument))
    }
}

impl clap::Args for ViewArgs {
    fn augment_args(command: Command) -> Command {
        let group = ArgGroup::new("view").args(VIEWS.iter().map(|view| view.name));
        command.args(VIEWS.iter().map(argument)).group(group)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ViewArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<ViewArgs, clap::Error> {
        let mut views = VIEWS.iter();
        Ok(ViewArgs(views.find_map(|view| Some((view, matches.get_one::<String>(view.name)?.clone())))))
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
