//! How looking names up goes, and what came of it.

use heaptrace_collector::Sought;
use heaptrace_collector::symbolize::{Complaint, Located, Progress, hex};
use heaptrace_report::grouped;

/// Why some names could not be looked up.
pub fn complaint(what: &Complaint) -> String {
    match what {
        Complaint::Server { url, why } => format!("no more debug files from {url}: {why}"),
        Complaint::Fault(path) => {
            format!(
                "names of {} are missing: reading it met a fault of heaptrace's, please report it",
                path.display()
            )
        }
        Complaint::TooSlow => "no more debug files: the servers of DEBUGINFOD_URLS take too long".to_owned(),
    }
}

/// Whether a module was found that `heaptrace symbolize` looked for; nothing of what the kernel maps.
pub fn sought(module: &Sought) -> Option<String> {
    let path = module.path.display();
    let id = hex(&module.build_id);
    Some(match &module.located {
        Located::At(found) if *found == module.path => format!("{path}: found"),
        Located::At(found) => format!("{path}: found at {}", found.display()),
        // [vdso], [heap] and the like are no files.
        _ if module.path.as_os_str().as_encoded_bytes().starts_with(b"[") => return None,
        Located::OtherBuild { path: other, build_id } if build_id.is_empty() => {
            format!("{path}: not found; {} is another build: it has no build id, not {id}", other.display())
        }
        Located::OtherBuild { path: other, build_id } => {
            let other = other.display();
            format!("{path}: not found; {other} has another build id, {} instead of {id}", hex(build_id))
        }
        Located::Nowhere if id.is_empty() => {
            format!("{path}: not found; --debug-dir names a folder that has it")
        }
        Located::Nowhere => {
            format!(
                "{path}: not found; --debug-dir names a folder that has it or its debug file, build id {id}"
            )
        }
    })
}

/// How far looking names up has come.
pub fn progress(progress: &Progress) -> String {
    let Progress { done, asked, server } = progress;
    let server = server.as_ref().map(|server| format!(", waiting for {server}")).unwrap_or_default();
    let [done, asked] = [done, asked].map(|&count| grouped(count as u64));
    format!("looking up names: {done} of {asked} addresses{server}")
}
