//! The settings that the environment has for this library.

use heaptrace_channel::config;

use heaptrace_recorder::c_library::Strings;
use heaptrace_recorder::sys;

use super::complain::complain;

/// The settings in the environment.
pub struct Settings {
    /// Where they are.
    pub environment: Strings,
    /// Complain about bad values: in the first process only, not in all that it starts.
    pub complains: bool,
}

impl Settings {
    /// Reads a value; a bad one is as good as none.
    fn read<T>(&self, name: &str, parse: impl Fn(&[u8]) -> Option<T>, hint: &str) -> Option<T> {
        let text = self.environment.value(name)?.to_bytes();
        if text.is_empty() {
            return None;
        }
        let value = parse(text);
        if value.is_none() && self.complains {
            complain(&[name.as_bytes(), b"=", text, b" is not ", hint.as_bytes(), b"; using the default"]);
        }
        value
    }

    /// [`config::RATE`], in bytes.
    pub fn rate(&self) -> u64 {
        let rate = self.read(config::RATE, config::parse_rate_or_off, "a rate of 1 byte to 1TiB, or off");
        rate.unwrap_or(config::DEFAULT_RATE)
    }

    /// [`config::SEED`], or a random one.
    pub fn seed(&self) -> u64 {
        let mut seed = [0; 8];
        sys::random(&mut seed);
        self.read(config::SEED, config::parse_number, "a whole number").unwrap_or(u64::from_ne_bytes(seed))
    }

    /// Are started processes recorded too?
    pub fn children(&self) -> bool {
        self.all_or_none(config::CHILDREN)
    }

    /// Are allocators inside the program patched?
    pub fn patches(&self) -> bool {
        self.all_or_none(config::PATCH)
    }

    fn all_or_none(&self, name: &str) -> bool {
        let parse =
            |text: &[u8]| [(&b"all"[..], true), (b"none", false)].into_iter().find(|(name, _)| *name == text);
        self.read(name, parse, "all or none").is_none_or(|(_, wanted)| wanted)
    }

    /// Complains about what was read before it was known whether to complain, or is the collector's
    /// to read, which has nowhere to complain.
    pub fn check(&self) {
        self.children();
        self.patches();
        self.rate();
        let parse = |text: &[u8]| config::bad_placeholder(text).is_none().then_some(());
        self.read(config::OUT, parse, "a name with %n, %p, %h, %t and %%");
        let parse = |text: &[u8]| [&b"none"[..], b"symbols", b"full"].contains(&text).then_some(());
        self.read(config::SYMBOLIZE, parse, "none, symbols or full");
    }
}
