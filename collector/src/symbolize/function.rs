//! Functions as a profile describes them.

use std::sync::Arc;

use hashbrown::HashMap;

use super::demangle::demangle;

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Function {
    /// The name to show: demangled, without parameters and hash. If nothing names the function,
    /// the module and the address in its file: `libfoo.so+0x1234`.
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
pub(super) struct Functions(HashMap<(String, String, u64), Arc<Function>>);

impl Functions {
    /// The function with that system name, its lines in that file.
    pub(super) fn named(&mut self, name: String, file: String, start_line: u64) -> Arc<Function> {
        let key = (name, file, start_line);
        if let Some(function) = self.0.get(&key) {
            return Arc::clone(function);
        }
        let (system_name, file, start_line) = key.clone();
        let name = demangle(&system_name);
        let function = Arc::new(Function { name, system_name, file, start_line });
        self.0.insert(key, Arc::clone(&function));
        function
    }
}
