//! The string table of a profile.

use hashbrown::HashMap;

/// The strings, each once.
#[derive(Debug, Default)]
pub struct StringTable {
    /// In the order of their indices.
    pub table: Vec<String>,
    indices: HashMap<String, i64>,
}

impl StringTable {
    /// Those of a profile that was read.
    pub fn of(table: Vec<String>) -> StringTable {
        let indices = table.iter().zip(0..).map(|(text, index)| (text.clone(), index)).collect();
        StringTable { table, indices }
    }

    /// The index of a string, which is added if it is new.
    pub fn index(&mut self, text: &str) -> i64 {
        if let Some(&index) = self.indices.get(text) {
            return index;
        }
        let index = self.table.len() as i64;
        self.table.push(text.to_owned());
        self.indices.insert(text.to_owned(), index);
        index
    }
}
