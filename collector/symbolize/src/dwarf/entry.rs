//! What an entry says of a function: its name, and where it is declared.

use std::sync::OnceLock;

use gimli::{
    AttributeValue, DW_AT_MIPS_linkage_name, DW_AT_abstract_origin, DW_AT_decl_column, DW_AT_decl_file,
    DW_AT_decl_line, DW_AT_linkage_name, DW_AT_name, DW_AT_specification, DebuggingInformationEntry, DwAt,
    UnitOffset, UnitRef,
};

use super::containers::Containers;
use super::lines::{self, SourceLocation};
use super::slice::Slice;
use super::units::Units;
use crate::demangle::{is_mangled, is_obscure};
use crate::elf::TEXT_LIMIT;

/// How many references are followed from an entry to the one with the name. Compilers need two
/// or three: inlined call, abstract instance, declaration in the class.
const REFERENCE_LIMIT: usize = 16;

/// How many references and containers are followed for a name with all its scopes.
const SCOPE_LIMIT: usize = 64;

/// A function as its entries describe it.
#[derive(Debug, Default)]
pub(super) struct Description {
    /// The linkage name, or if there is none the name in the source.
    pub(super) name: Option<String>,
    /// The name in the source with the namespaces, classes and functions it is in, where `name`
    /// tells less: there is no linkage name of what is inlined everywhere, and some cannot be read.
    pub(super) source_name: Option<String>,
    /// Where it is declared.
    pub(super) declaration: SourceLocation,
}

/// A unit, and where references in it lead.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) unit: UnitRef<'a, Slice>,
    /// The unit with the table of files: of a split unit, the one that it was split from.
    pub(super) files: UnitRef<'a, Slice>,
    /// What is in what, read when it is needed.
    pub(super) containers: &'a OnceLock<Containers>,
    /// The units of its file. A split unit is alone in its file.
    pub(super) units: Option<&'a Units>,
    /// The units of the file that several share, made by dwz.
    pub(super) supplementary: Option<&'a Units>,
}

/// A debugging information entry, as DWARF abbreviates it.
type Die = DebuggingInformationEntry<Slice>;

impl Scope<'_> {
    /// The function of an entry of the unit, or of the one that it refers to.
    pub(super) fn describe(self, entry: UnitOffset) -> Description {
        let mut description = Description::default();
        self.follow(entry, REFERENCE_LIMIT, &mut description);
        let is_unclear = |name: &String| !is_mangled(name) || is_obscure(name);
        if description.name.as_ref().is_some_and(is_unclear) && self.containers().are_known() {
            description.source_name = self.with_scopes(entry, "", SCOPE_LIMIT);
        }
        description
    }

    /// Adds what is not known yet. Returns what no caller needs, for the sake of `?`.
    fn follow(self, entry: UnitOffset, limit: usize, known: &mut Description) -> Option<()> {
        let limit = limit.checked_sub(1)?;
        let entry = self.unit.entry(entry).ok()?;
        if known.name.is_none() {
            let names = [DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name];
            known.name = names.into_iter().find_map(|name| self.text(&entry, name));
        }
        // Of a definition out of its class clang tells only what is different there.
        let SourceLocation { file, line } = self.declaration(&entry);
        let known_place = &mut known.declaration;
        known_place.file = known_place.file.take().or(file);
        known_place.line = known_place.line.or(line);
        if known.name.is_some() && known_place.file.is_some() && known_place.line.is_some() {
            return None;
        }
        self.refer(reference(&entry)?, |scope, entry| scope.follow(entry, limit, known))
    }

    /// Goes where a reference leads.
    fn refer<T>(
        self,
        reference: AttributeValue<Slice>,
        then: impl FnOnce(Scope<'_>, UnitOffset) -> Option<T>,
    ) -> Option<T> {
        let (units, offset) = match reference {
            AttributeValue::UnitRef(offset) => return then(self, offset),
            AttributeValue::DebugInfoRef(offset) => (self.units?, offset),
            AttributeValue::DebugInfoRefSup(offset) => (self.supplementary?, offset),
            _ => return None,
        };
        let (found, offset) = units.locate(offset)?;
        let unit = units.parsed(&found)?;
        then(Scope { unit, files: unit, containers: &found.containers, units: Some(units), ..self }, offset)
    }

    fn containers(&self) -> &Containers {
        self.containers.get_or_init(|| Containers::read(self.unit))
    }

    /// The name in the source of a function, type or namespace, with all that it is inside of. `member`
    /// is what is inside of it.
    fn with_scopes(self, entry: UnitOffset, member: &str, limit: usize) -> Option<String> {
        let limit = limit.checked_sub(1)?;
        let entry = self.unit.entry(entry).ok()?;
        if let Some(reference) = reference(&entry) {
            return self.refer(reference, |scope, entry| scope.with_scopes(entry, member, limit));
        }
        let name = self.own_name(&entry, member)?;
        let outer = self.containers().around(entry.offset());
        let name = match outer.and_then(|outer| self.with_scopes(outer, &name, limit)) {
            Some(outer) => format!("{outer}::{name}"),
            None => name,
        };
        (name.len() <= TEXT_LIMIT).then_some(name)
    }

    /// The name of an entry alone. What has none gets the place of its declaration. Lambdas have none,
    /// or all those with the same parameters the same: `<lambda()>`.
    fn own_name(self, entry: &Die, member: &str) -> Option<String> {
        let name = self.text(entry, DW_AT_name);
        let lambda = name.as_deref().and_then(|name| name.strip_prefix('<')?.strip_suffix('>'));
        match (entry.tag(), lambda) {
            (_, Some(lambda)) => Some(self.with_place(lambda, entry)),
            (gimli::DW_TAG_namespace, _) => name.or_else(|| Some("(anonymous namespace)".to_owned())),
            (gimli::DW_TAG_subprogram, _) => name,
            _ if name.is_some() => name,
            _ if member.starts_with("operator()") => Some(self.with_place("lambda", entry)),
            _ => Some(self.with_place("unnamed", entry)),
        }
    }

    fn with_place(self, what: &str, entry: &Die) -> String {
        let SourceLocation { file, line } = self.declaration(entry);
        let file = file.as_deref().and_then(|path| path.rsplit('/').next());
        let column = number(entry, DW_AT_decl_column).filter(|&column| column > 0);
        let column = column.map_or(String::new(), |column| format!(":{column}"));
        match (file, line) {
            (Some(file), Some(line)) => format!("{{{what} at {file}:{line}{column}}}"),
            _ => format!("{{{what}}}"),
        }
    }

    fn declaration(self, entry: &Die) -> SourceLocation {
        let file = match entry.attr_value(DW_AT_decl_file) {
            Some(AttributeValue::FileIndex(file)) => lines::file(self.files, file),
            _ => None,
        };
        SourceLocation { file, line: number(entry, DW_AT_decl_line) }
    }

    fn text(self, entry: &Die, attribute: DwAt) -> Option<String> {
        self.unit.attr_string(entry.attr_value(attribute)?).ok()?.text()
    }
}

/// The entry that says what this one leaves out.
fn reference(entry: &Die) -> Option<AttributeValue<Slice>> {
    entry.attr_value(DW_AT_abstract_origin).or_else(|| entry.attr_value(DW_AT_specification))
}

fn number(entry: &Die, attribute: DwAt) -> Option<u64> {
    entry.attr_value(attribute)?.udata_value()
}
