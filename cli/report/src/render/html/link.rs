//! The modules of the page as one script, so that a page from a file needs no second one.
//!
//! Each module becomes a function that returns what it exports, and its imports become constants. The
//! modules keep to forms that this understands: imports in braces of modules before them, exports of
//! declarations.

use std::fmt::Write;

/// One script that runs `modules`, each a path and a text, the later ones importing the earlier.
pub fn link(modules: &[(&str, &str)]) -> String {
    let mut script = String::from("'use strict';\n");
    for (path, text) in modules {
        let mut exports = Vec::new();
        let mut body = String::new();
        let mut imported: Option<String> = None;
        let mut in_comment = false;
        for line in text.lines() {
            let trimmed = line.trim_start();
            let is_comment = in_comment || trimmed.starts_with("/*");
            // The type of an expression stands before it.
            let has_code = trimmed.split_once("*/").is_some_and(|(_, code)| !code.is_empty());
            if is_comment && !has_code {
                in_comment = !trimmed.ends_with("*/");
            } else if trimmed.starts_with("//") || trimmed.is_empty() {
            } else if imported.is_some() || line.starts_with("import ") {
                let statement = imported.take().unwrap_or_default() + trimmed;
                match statement.ends_with(';') {
                    true => body.push_str(&import(path, &statement)),
                    false => imported = Some(statement + " "),
                }
            } else if let Some(declaration) = line.strip_prefix("export ") {
                exports.push(declared(declaration));
                writeln!(body, "{declaration}").expect("a string takes all");
            } else {
                writeln!(body, "{line}").expect("a string takes all");
            }
        }
        let exports = exports.join(", ");
        let name = constant(path);
        writeln!(script, "const {name} = (() => {{\n{body}return {{ {exports} }};\n}})();")
            .expect("a string takes all");
    }
    script
}

/// `import { a, b as c } from './x.js';` as a constant.
fn import(from: &str, statement: &str) -> String {
    let (names, path) = statement
        .strip_prefix("import ")
        .and_then(|rest| rest.trim_end_matches(';').split_once(" from "))
        .unwrap_or_else(|| panic!("an import of {from} has another form: {statement}"));
    let path = resolved(from, path.trim_matches('\''));
    format!("const {} = {};\n", names.replace(" as ", ": "), constant(&path))
}

/// The path of a module that another one imports as `path`.
fn resolved(from: &str, path: &str) -> String {
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                folders.pop();
            }
            part => folders.push(part),
        }
    }
    folders.join("/")
}

/// The constant that a module is.
fn constant(path: &str) -> String {
    format!("${}", path.trim_end_matches(".js").replace(['/', '-'], "_"))
}

/// The name that a declaration declares.
fn declared(declaration: &str) -> &str {
    const WORDS: [&str; 5] = ["async ", "function ", "class ", "const ", "let "];
    let name = WORDS.iter().fold(declaration, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
    let name = name.trim_start_matches('*').trim_start();
    name.split(|c: char| c != '_' && c != '$' && !c.is_alphanumeric()).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_and_exports_become_constants() {
        let a = "// what it is\nexport function f() {\n    return 1;\n}\nexport const B = 2;\n";
        let c = "import {\n    f,\n    B as b,\n} from '../a/a.js';\n/**\n * @typedef {import('../a/a.js').T} T\n */\n/** @type {T} */ (f(b));\n";
        assert_eq!(
            link(&[("a/a.js", a), ("c/c.js", c)]),
            "'use strict';\nconst $a_a = (() => {\nfunction f() {\n    return 1;\n}\nconst B = 2;\nreturn { f, B };\n})();\n\
             const $c_c = (() => {\nconst { f, B: b, } = $a_a;\n/** @type {T} */ (f(b));\nreturn {  };\n})();\n"
        );
    }
}
