//! A profile as the tests ask about it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use heaptrace_pprof::proto;
use prost::Message;

/// The values of each sample, in their order.
pub const INDEXES: [&str; 6] =
    ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "peak_objects", "peak_space"];

/// A profile that was read.
pub struct Profile {
    pub path: PathBuf,
    pub proto: proto::Profile,
    pub samples: Vec<Sample>,
}

/// A stack with its values.
#[derive(Debug)]
pub struct Sample {
    /// Function names, the innermost first.
    pub stack: Vec<String>,
    pub values: [i64; 6],
    /// The size class.
    pub bytes: i64,
}

fn place(index: &str) -> usize {
    INDEXES.iter().position(|name| *name == index).unwrap_or_else(|| panic!("no index {index}"))
}

impl Profile {
    #[track_caller]
    pub fn read(path: &Path) -> Profile {
        let mut message = Vec::new();
        GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut message).unwrap();
        let proto = proto::Profile::decode(&*message).unwrap();
        let text = |index: i64| proto.string_table[index as usize].clone();
        let types: Vec<_> = proto.sample_type.iter().map(|value_type| text(value_type.r#type)).collect();
        assert_eq!(types, INDEXES);
        let names = |location: u64| {
            let location = proto.location.iter().find(|other| other.id == location).unwrap();
            let functions = location.line.iter().map(|line| line.function_id);
            let names: Vec<_> = functions
                .map(|id| text(proto.function.iter().find(|function| function.id == id).unwrap().name))
                .collect();
            if names.is_empty() { vec![format!("0x{:x}", location.address)] } else { names }
        };
        let named: std::collections::HashMap<u64, Vec<String>> =
            proto.location.iter().map(|location| (location.id, names(location.id))).collect();
        let samples = proto.sample.iter().map(|sample| Sample {
            stack: sample.location_id.iter().flat_map(|id| named[id].clone()).collect(),
            values: sample.value.clone().try_into().unwrap(),
            bytes: sample.label.iter().find(|label| text(label.key) == "bytes").map_or(0, |label| label.num),
        });
        Profile { path: path.to_owned(), samples: samples.collect(), proto }
    }

    /// The sum over all stacks with that function.
    pub fn under(&self, function: &str, index: &str) -> i64 {
        let with = self.samples.iter().filter(|sample| sample.stack.iter().any(|name| name == function));
        with.map(|sample| sample.values[place(index)]).sum()
    }

    /// The sum over all stacks.
    pub fn total(&self, index: &str) -> i64 {
        self.samples.iter().map(|sample| sample.values[place(index)]).sum()
    }

    /// The stacks with that function.
    pub fn stacks_with(&self, function: &str) -> Vec<&[String]> {
        let stacks = self.samples.iter().map(|sample| sample.stack.as_slice());
        stacks.filter(|stack| stack.iter().any(|name| name == function)).collect()
    }

    /// The names of the functions that the profile has from a file.
    pub fn names_in(&self, file: &str) -> BTreeSet<&str> {
        let text = |index: i64| self.proto.string_table[index as usize].as_str();
        let mappings = self.proto.mapping.iter().filter(|mapping| text(mapping.filename) == file);
        let mappings: BTreeSet<_> = mappings.map(|mapping| mapping.id).collect();
        let locations = self.proto.location.iter().filter(|place| mappings.contains(&place.mapping_id));
        let functions: BTreeSet<_> =
            locations.flat_map(|place| &place.line).map(|line| line.function_id).collect();
        let functions = self.proto.function.iter().filter(|function| functions.contains(&function.id));
        functions.map(|function| text(function.name)).collect()
    }

    /// The value of the comment that begins so.
    #[track_caller]
    pub fn comment(&self, name: &str) -> &str {
        let comments = self.proto.comment.iter().map(|&index| &self.proto.string_table[index as usize]);
        let value = comments.filter_map(|comment| comment.strip_prefix(name)?.strip_prefix(": ")).next();
        value.unwrap_or_else(|| panic!("no comment {name}"))
    }

    /// The number in a comment.
    #[track_caller]
    pub fn count(&self, name: &str) -> i64 {
        self.comment(name).parse().unwrap()
    }

    /// Nothing was lost on the way.
    #[track_caller]
    pub fn assert_complete(&self) {
        assert_eq!((self.count("lost_samples"), self.count("lost_frees")), (0, 0));
    }

    /// At least 98 of 100 samples reach where a program or a thread starts.
    #[track_caller]
    pub fn assert_rooted(&self) {
        const ROOTS: [&str; 6] = ["_start", "main", "start_thread", "clone3", "__clone3", "_dl_start_user"];
        let is_rooted = |sample: &&Sample| match &sample.stack[..] {
            // A stripped program's `_start` has no name, but it is the one that calls this.
            [.., before, _] if before.starts_with("__libc_start_main") => true,
            [.., root] => ROOTS.contains(&root.as_str()),
            [] => false,
        };
        let objects = |sample: &Sample| sample.values[0];
        let rooted: i64 = self.samples.iter().filter(is_rooted).map(objects).sum();
        let others: BTreeSet<_> =
            self.samples.iter().filter(|sample| !is_rooted(sample)).map(|s| &s.stack).collect();
        let total = self.total("alloc_objects");
        assert!(rooted * 100 >= total * 98, "{rooted} of {total} are rooted, but not {others:#?}");
    }
}
