//! Profiles as files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

use super::proto::Profile;

/// The bytes of a file with `profile` in it, gzipped at the fastest level, as Go's runtime does: the
/// program waits for it at its exit.
pub fn encode(profile: &Profile) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(&profile.encode_to_vec())
        .and_then(|()| encoder.finish())
        .expect("writing to memory does not fail")
}

/// Writes `profile` to `path`, gzipped and with mode 0600, replacing what was there. Nobody who
/// opens `path` sees half a profile: it is written under another name in the same folder and renamed.
pub fn write_file(path: &Path, profile: &Profile) -> io::Result<()> {
    replace(path, &encode(profile))
        .map_err(|error| io::Error::new(error.kind(), format!("{}: cannot write: {error}", path.display())))
}

/// Puts a file with `bytes` in the place of `path`, or leaves everything as it was.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let (temporary, mut file) = create_temporary(folder)?;
    let result = file.write_all(bytes).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // The first error is the one to report; if this fails too there is nothing left to do.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Creates a file that did not exist, with a hidden name, readable and writable by its owner only.
fn create_temporary(folder: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".heaptrace-{}-{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            // A leftover of a process that had our id and was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            result => return result.map(|file| (path, file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    use flate2::read::GzDecoder;

    use super::*;
    use crate::pprof::proto::{Location, Sample, ValueType};

    fn profile() -> Profile {
        Profile {
            sample_type: vec![ValueType { r#type: 1, unit: 2 }],
            sample: vec![Sample { location_id: vec![1], value: vec![42], label: vec![] }],
            location: vec![Location { id: 1, address: 0x1234, ..Location::default() }],
            string_table: ["", "space", "bytes"].map(String::from).to_vec(),
            ..Profile::default()
        }
    }

    /// A folder of the test's own, removed with all that is in it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("heaptrace-file-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn what_is_written_is_a_gzipped_message_for_its_owner_only() {
        let folder = Folder::new("round-trip");
        let path = folder.0.join("a.prof");
        write_file(&path, &profile()).unwrap();
        let mut message = Vec::new();
        GzDecoder::new(File::open(&path).unwrap()).read_to_end(&mut message).unwrap();
        assert_eq!(Profile::decode(&*message).unwrap(), profile());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.names(), ["a.prof"]);
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = Folder::new("failed-write");
        let path = folder.0.join("taken");
        fs::create_dir(&path).unwrap();
        let text = write_file(&path, &profile()).unwrap_err().to_string();
        assert!(text.contains("taken: cannot write: "), "{text}");
        assert_eq!(folder.names(), ["taken"]);
    }
}
