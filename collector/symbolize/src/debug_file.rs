//! Finding the files that hold a module's debug information when the module itself does not, and the
//! module itself where it is not at its path.
//!
//! The places are those of GDB ("Debugging Information in Separate Files" in its manual), of
//! debuginfod's client, and of pprof (PPROF_BINARY_PATH). Whatever is found there is used only if it
//! belongs to the module: by its build id, by the CRC in `.gnu_debuglink`, or by the id of the split
//! unit.

use std::fs::{self, File};
use std::io::Read;
use std::iter;
use std::path::{Path, PathBuf};

use super::complaint::Complaint;
use super::debuginfod::Debuginfod;
use super::elf::{Elf, Stamp, string};
use super::hex::hex;
use super::options::Options;
use super::regular::open_regular;

/// Where distributions install debug files.
const SYSTEM_FOLDER: &str = "/usr/lib/debug";

/// How the name of a package of split units ends.
const PACKAGE: &str = ".dwp";

/// How many files in the folder of a build id are looked at.
const FOLDER_LIMIT: usize = 64;

/// An ELF file and where it was found.
#[derive(Debug)]
pub(super) struct DebugFile {
    pub(super) path: PathBuf,
    pub(super) elf: Elf,
}

impl DebugFile {
    /// Where it is, and its state; `None` if it is in memory only.
    pub(super) fn state(&self) -> Option<(PathBuf, Stamp)> {
        Some((self.path.clone(), self.elf.stamp()?))
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The file that programs map.
    Executable,
    /// One with debug information.
    DebugInfo,
}

impl Kind {
    /// debuginfod's word for it.
    fn word(self) -> &'static str {
        match self {
            Kind::Executable => "executable",
            Kind::DebugInfo => "debuginfo",
        }
    }

    fn is(self, elf: &Elf) -> bool {
        match self {
            Kind::Executable => !elf.is_without_code(),
            Kind::DebugInfo => elf.is_without_code() || elf.has_dwarf(),
        }
    }
}

/// The folders to search.
#[derive(Debug)]
pub(super) struct DebugFolders {
    /// Trees laid out like /usr/lib/debug, or like the system that the program ran on, or just with
    /// the files in them, in the order of preference.
    folders: Vec<PathBuf>,
    /// The cache of debuginfod's clients.
    cache: Option<PathBuf>,
    servers: Option<Debuginfod>,
}

impl DebugFolders {
    /// The folders that the user named, pprof's, then the system's; then servers, if there is a
    /// folder to keep what they send.
    pub(super) fn new(options: &Options) -> DebugFolders {
        let system = PathBuf::from(SYSTEM_FOLDER);
        let cache = options.debuginfod_cache.clone();
        let servers = cache
            .as_deref()
            .filter(|_| !options.debuginfod_urls.is_empty())
            .map(|cache| Debuginfod::new(&options.debuginfod_urls, cache, options.debuginfod_time_limit));
        DebugFolders {
            folders: options
                .debug_folders
                .iter()
                .chain(&options.binary_folders)
                .chain([&system])
                .cloned()
                .collect(),
            cache,
            servers,
        }
    }

    /// What the user should know about the search.
    pub(super) fn complaints(&self) -> Vec<Complaint> {
        self.servers.as_ref().map(Debuginfod::complaints).unwrap_or_default()
    }

    /// The debuginfod server that has not answered yet.
    pub(super) fn awaited_server(&self) -> Option<String> {
        self.servers.as_ref()?.awaited()
    }

    /// The separate debug file of the module that was loaded from `module`.
    pub(super) fn find(
        &self,
        module: &Path,
        build_id: Option<&[u8]>,
        image: Option<&Elf>,
    ) -> Option<DebugFile> {
        build_id
            .and_then(|id| self.by_build_id(id, Kind::DebugInfo, module))
            .or_else(|| self.by_link(module, build_id, image?))
    }

    /// The file that a build id names, of the module that was loaded from `module`.
    pub(super) fn by_build_id(&self, id: &[u8], kind: Kind, module: &Path) -> Option<DebugFile> {
        let hex = hex(id);
        if hex.len() <= 2 {
            return None;
        }
        let below = |folder: &PathBuf| by_id(folder, &hex, module).into_iter().chain(by_path(folder, module));
        let cached = self.cache.iter().map(|cache| cache.join(&hex).join(kind.word()));
        let sent = || self.servers.as_ref()?.fetch(&hex, kind.word());
        let files = self.folders.iter().flat_map(below).chain(cached);
        files.chain(iter::once_with(sent).flatten()).find_map(|path| {
            let elf = Elf::open(&path)?;
            (elf.build_id()? == id && kind.is(&elf)).then_some(DebugFile { path, elf })
        })
    }

    /// The files that may be the one that was loaded from `module`, if there is no build id to tell.
    pub(super) fn by_name(&self, module: &Path) -> impl Iterator<Item = PathBuf> {
        let below = |folder: &PathBuf| by_path(folder, module).into_iter().take(2);
        iter::once(module.to_owned()).chain(self.folders.iter().flat_map(below))
    }

    /// The file that `.gnu_debuglink` names: a file name, padded to four bytes, and its CRC.
    fn by_link(&self, module: &Path, id: Option<&[u8]>, image: &Elf) -> Option<DebugFile> {
        let link = image.bytes(image.section(".gnu_debuglink")?)?;
        let name = file_name(string(&link, 0)?)?;
        let crc = u32::from_le_bytes(*link.last_chunk::<4>()?);
        let crc = if image.is_big_endian() { crc.swap_bytes() } else { crc };

        self.beside(module, &name).into_iter().find_map(|path| {
            let elf = Elf::open(&path)?;
            let found = elf.build_id();
            // Equal build ids prove more than a CRC, and without reading the whole file.
            let belongs = match (id, found.as_deref()) {
                (Some(id), Some(found)) => id == found,
                _ => crc_of(open_regular(&path).ok()?)? == crc,
            };
            belongs.then_some(DebugFile { path, elf })
        })
    }

    /// Where a file may be that belongs to a module: beside it, in `.debug` there, and in the same
    /// folder, or none, below each folder for debug files.
    fn beside(&self, module: &Path, name: &Path) -> Vec<PathBuf> {
        let module = module.canonicalize().unwrap_or_else(|_| module.to_owned());
        let folder = module.parent().unwrap_or(Path::new(""));
        let relative = folder.strip_prefix("/").unwrap_or(folder);
        let mut paths = vec![folder.join(name), folder.join(".debug").join(name)];
        for debug in &self.folders {
            paths.extend([debug.join(relative).join(name), debug.join(name)]);
        }
        paths
    }

    /// The file that several debug files share, made by dwz: `.gnu_debugaltlink` holds its path,
    /// which may be relative to the file that refers to it, and its build id.
    pub(super) fn supplementary(&self, debug: &DebugFile) -> Option<Elf> {
        let link = debug.elf.bytes(debug.elf.section(".gnu_debugaltlink")?)?;
        let name = string(&link, 0)?;
        let id = link.get(name.len() + 1..)?;
        let name = Path::new(std::str::from_utf8(name).ok()?);
        // Installed debug files may be reached through symbolic links: .build-id has them.
        let path = debug.path.canonicalize().ok()?;
        Elf::open(&path.parent()?.join(name))
            .filter(|elf| elf.build_id().as_deref() == Some(id))
            .or_else(|| Some(self.by_build_id(id, Kind::DebugInfo, name)?.elf))
    }

    /// The package of split units, `.dwp`, of a module or of its separate debug file.
    pub(super) fn package(&self, module: &Path, debug: &DebugFile) -> Option<Elf> {
        let of_debug = appended(&debug.path, PACKAGE);
        let without_debug = appended(&debug.path.with_extension(""), PACKAGE);
        let name = PathBuf::from(appended(module, PACKAGE).file_name()?);
        let mut paths = vec![of_debug, without_debug];
        paths.extend(self.beside(module, &name));
        paths.iter().find_map(|path| Elf::open(path))
    }

    /// The files that may be the `.dwo` of that name, made in the folder `compiled`.
    pub(super) fn split_unit(&self, module: &Path, compiled: &Path, name: &Path) -> Vec<PathBuf> {
        let mut paths = vec![compiled.join(name)];
        if let Some(name) = name.file_name() {
            paths.extend(self.beside(module, Path::new(name)));
        }
        paths
    }
}

/// Where below a folder the file with a build id may be: as distributions, debuginfod's clients and
/// pprof lay them out.
fn by_id(folder: &Path, hex: &str, module: &Path) -> Vec<PathBuf> {
    let (start, rest) = hex.split_at(2);
    let with_suffix = format!("{rest}.debug");
    let mut paths = vec![
        folder.join(".build-id").join(start).join(&with_suffix),
        folder.join(".build-id").join(start).join(rest),
        folder.join("usr/lib/debug/.build-id").join(start).join(&with_suffix),
        folder.join(start).join(&with_suffix),
        folder.join(format!("{hex}.debug")),
    ];
    let own = folder.join(hex);
    paths.extend(module.file_name().map(|name| own.join(name)));
    // pprof takes any file there.
    let mut others: Vec<_> = fs::read_dir(&own).into_iter().flatten().take(FOLDER_LIMIT).flatten().collect();
    others.sort_by_key(fs::DirEntry::file_name);
    paths.extend(others.into_iter().map(|other| other.path()));
    paths
}

/// Where below a folder the file of a path, or its debug file, may be: the former first.
fn by_path(folder: &Path, module: &Path) -> Vec<PathBuf> {
    let path = folder.join(module.strip_prefix("/").unwrap_or(module));
    let name = module.file_name().map(|name| folder.join(name));
    let here = [Some(path), name];
    let mut paths: Vec<_> = here.iter().flatten().cloned().collect();
    paths.extend(here.iter().flatten().map(|path| appended(path, ".debug")));
    paths
}

/// A path with something appended: `.dwp`, as linkers and dwp name packages, or `.debug`.
fn appended(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// A file name alone: a link that leads elsewhere is refused.
fn file_name(name: &[u8]) -> Option<PathBuf> {
    let path = Path::new(std::str::from_utf8(name).ok()?);
    (path.file_name()? == path.as_os_str()).then(|| path.to_owned())
}

fn crc_of(mut file: File) -> Option<u32> {
    let mut crc = flate2::Crc::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(crc.sum()),
            read => crc.update(&buffer[..read]),
        }
    }
}
