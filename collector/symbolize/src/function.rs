//! Functions as a profile describes them.

use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::demangle::{demangle, is_mangled, template_of};

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Function {
    /// The name to show: demangled, without parameters and hash. If nothing names the function,
    /// the module and where the function begins in its file, or if that is not known either the
    /// address: `libfoo.so+0x1234`.
    pub name: String,
    /// The name that the linker knows; empty if nothing names the function.
    pub system_name: String,
    /// The file of the line, as the compiler was given it; empty if unknown.
    pub file: String,
    /// The line of the function's declaration, from 1; 0 if unknown.
    pub start_line: u64,
}

/// The functions met so far, so that each is demangled and stored once.
#[derive(Debug, Default)]
pub(super) struct Functions(HashMap<Key, Arc<Function>>);

/// System name, source name, file and line.
type Key = (String, Option<String>, String, u64);

impl Functions {
    /// The function with that system name, its lines in that file. `source_name` is its name with
    /// all scopes, if that tells more than the system name.
    pub(super) fn named(
        &mut self,
        system_name: String,
        source_name: Option<String>,
        file: String,
        start_line: u64,
    ) -> Arc<Function> {
        let key = (system_name, source_name, file, start_line);
        if let Some(function) = self.0.get(&key) {
            return Arc::clone(function);
        }
        let (system_name, source_name, file, start_line) = key.clone();
        let name = source_name.unwrap_or_else(|| readable(&system_name));
        let function = Arc::new(Function { name, system_name, file, start_line });
        self.0.insert(key, Arc::clone(&function));
        function
    }
}

/// The most readable form of a name that there is without debug information.
fn readable(system_name: &str) -> String {
    let name = demangle(system_name);
    if is_mangled(&name) { template_of(&name).unwrap_or(name) } else { name }
}
