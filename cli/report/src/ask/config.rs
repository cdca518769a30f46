//! Options saved under names, in `$XDG_CONFIG_HOME/heaptrace/settings.json`: in the form of pprof's
//! settings (`internal/driver/settings.go`).

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use heaptrace_pprof::whole_file::WholeFile;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ask::setting::{SETTINGS, Setting};
use crate::ask::user_folder::user_folder;
use crate::view::basis::Options;

/// What is not saved: as in pprof what is of one profile alone, and what the prompt has otherwise.
const NOT_SAVED: [&str; 5] = ["sample_index", "divide_by", "source_path", "trim_path", "compact_labels"];
/// Most bytes of the file.
const SIZE_LIMIT: u64 = 1 << 20;

/// All that is saved.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Configs {
    configs: Vec<Config>,
}

/// Options with a name; those that are not here have their defaults.
#[derive(Debug, Serialize, Deserialize)]
struct Config {
    name: String,
    #[serde(flatten)]
    options: Map<String, Value>,
}

impl Configs {
    /// Reads the file; nothing is saved where there is none.
    pub fn read() -> anyhow::Result<Configs> {
        let path = path()?;
        let mut text = String::new();
        let read = File::open(&path).and_then(|file| file.take(SIZE_LIMIT).read_to_string(&mut text));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Configs::default()),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let faulty = || format!("{} is no file of saved options; mend or remove it", path.display());
        serde_json::from_str(&text).with_context(faulty)
    }

    /// Changes what is in the file, and returns its path.
    pub fn change(change: impl FnOnce(&mut Configs) -> anyhow::Result<()>) -> anyhow::Result<PathBuf> {
        let mut configs = Configs::read()?;
        change(&mut configs)?;
        let path = path()?;
        configs.write(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        // A link that somebody made leads to where the file is to be.
        let mut file = WholeFile::create(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.finish()
    }

    /// Saves `options` as `name`, in the place of what has that name.
    pub fn save(&mut self, name: &str, options: &Options) -> anyhow::Result<()> {
        let default = Options::default();
        let saved = SETTINGS.iter().filter(|setting| !NOT_SAVED.contains(&setting.name));
        let changed = saved.filter(|setting| setting.get(options) != setting.get(&default));
        let options = changed.map(|setting| (setting.name.to_owned(), value(setting, options))).collect();
        let config = Config { name: name.to_owned(), options };
        match self.configs.iter_mut().find(|config| config.name == name) {
            Some(known) => *known = config,
            None => self.configs.push(config),
        }
        Ok(())
    }

    /// Forgets those saved as `name`.
    pub fn delete(&mut self, name: &str) -> anyhow::Result<()> {
        self.find(name)?;
        self.configs.retain(|config| config.name != name);
        Ok(())
    }

    /// Sets `options` to those saved as `name`, but for what is not saved.
    pub fn apply(&self, name: &str, options: &mut Options) -> anyhow::Result<()> {
        let config = self.find(name)?;
        let mut new = Options::default();
        let kept = SETTINGS.iter().filter(|setting| NOT_SAVED.contains(&setting.name));
        for setting in kept {
            setting.set(&mut new, setting.name, &setting.get(options))?;
        }
        for (key, value) in &config.options {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let of = || format!("the options saved as {name}");
            let setting = Setting::find(key).with_context(|| format!("there is no option {key}"));
            setting.and_then(|setting| setting.set(&mut new, key, &value)).with_context(of)?;
        }
        *options = new;
        Ok(())
    }

    fn find(&self, name: &str) -> anyhow::Result<&Config> {
        match self.configs.iter().find(|config| config.name == name) {
            Some(config) => Ok(config),
            None if self.configs.is_empty() => {
                bail!("no options are saved; config save NAME, at the prompt, saves those that are set")
            }
            None => {
                let names: Vec<&str> = self.configs.iter().map(|config| config.name.as_str()).collect();
                bail!("no options are saved as {name}; there are {}", names.join(", "))
            }
        }
    }

    /// A line for each name.
    pub fn described(&self) -> Vec<String> {
        let described = self.configs.iter().map(|config| {
            let options = config.options.iter().map(|(key, value)| match value {
                Value::String(text) => format!(" {key}={text}"),
                other => format!(" {key}={other}"),
            });
            format!("{}:{}", config.name, options.collect::<String>())
        });
        described.collect()
    }
}

/// The value of an option as JSON has it.
fn value(setting: &Setting, options: &Options) -> Value {
    let text = setting.get(options);
    if setting.is_flag() {
        return Value::Bool(text == "true");
    }
    let number = || serde_json::from_str(&text).ok();
    let number = setting.is_number().then(number).flatten();
    number.unwrap_or(Value::String(text))
}

fn path() -> anyhow::Result<PathBuf> {
    let folder = user_folder("XDG_CONFIG_HOME", ".config");
    Ok(folder.context("neither XDG_CONFIG_HOME nor HOME says where options are saved")?.join("settings.json"))
}
