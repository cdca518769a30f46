//! A folder with budgets and profiles, in which `heaptrace check` is run.

use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::builder::Builder;
use crate::support::HEAPTRACE;

/// What one check came to.
#[derive(Debug)]
pub struct Checked {
    pub status: i32,
    pub out: String,
    pub err: String,
}

pub struct Desk(TempDir);

/// Blocks of one size that one stack allocated: its functions, leaf first; the size; how many were allocated,
/// and how many of those are in use at the end.
pub type Blocks<'a> = (&'a [&'a str], i64, i64, i64);

impl Desk {
    pub fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn budgets(&self, text: &str) {
        self.write("heaptrace.toml", text);
    }

    /// A profile with these blocks, of which each was sampled, at a rate that makes each sample stand for
    /// what it is worth.
    pub fn profile(&self, name: &str, rate: i64, blocks: &[Blocks]) {
        self.write(name, profile(rate, blocks).encode());
    }

    pub fn check<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Checked {
        let mut command = Command::new(HEAPTRACE);
        command.arg("check").args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Checked { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Checked {
    /// The one line with which heaptrace says that it failed.
    #[track_caller]
    pub fn failure(&self) -> &str {
        assert_eq!((self.status, self.out.as_str()), (125, ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        self.err.trim_end().strip_prefix("heaptrace: ").unwrap()
    }
}

/// What a block of `size` bytes stands for: objects and bytes.
fn weight(size: i64, rate: i64) -> (f64, f64) {
    let size = size as f64;
    let probability = if rate == 1 { 1.0 } else { 1.0 - (-size / rate as f64).exp() };
    (1.0 / probability, size / probability)
}

pub fn profile(rate: i64, blocks: &[Blocks]) -> Builder {
    let mut builder = Builder::new(&[
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
        ("peak_objects", "count"),
        ("peak_space", "bytes"),
    ]);
    let program = builder.mapping("/opt/app/prog", 0x1000);
    for &(functions, size, allocated, in_use) in blocks {
        let locations = functions.iter().map(|name| {
            let function = builder.function(name, "src/app.c");
            builder.location(program, 0x1000 + 16 * function, &[(function, 7)])
        });
        let stack: Vec<_> = locations.collect();
        let (objects, bytes) = weight(size, rate);
        let values = |count: i64| [(count as f64 * objects) as i64, (count as f64 * bytes) as i64];
        let values = [values(allocated), values(in_use), values(allocated)].concat();
        let label = builder.number_label("bytes", size, "bytes");
        builder.sample(&stack, &values).label.push(label);
    }
    builder.profile.period_type = Some(builder.profile.sample_type[1]);
    let space = builder.string("space");
    builder.profile.period_type.as_mut().unwrap().r#type = space;
    builder.profile.period = rate;
    builder
}
