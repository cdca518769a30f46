//! Names as their source code has them: without mangling, parameters, hash and clone suffix.

use std::fmt::{self, Write};

use cpp_demangle::{BorrowedSymbol, DemangleOptions, ParseOptions};

use super::dlang;
use super::elf::TEXT_LIMIT;

/// Longest demangled name, in bytes. A mangled name refers back to its own parts, so its demangled
/// form can be exponentially longer; beyond this the mangled one is more use.
const OUTPUT_LIMIT: usize = 1 << 18;

/// How deep a C++ name may nest. cpp_demangle recurses; its own default suits a stack of 8 MiB.
const RECURSION_LIMIT: u32 = 96;

/// How many lists of template arguments are tried for the one that is not understood.
const TEMPLATE_LIMIT: usize = 64;

/// How many literal operators are put right in one name.
const LITERAL_OPERATOR_LIMIT: usize = 16;

/// The readable form of a name from a symbol table or debug information: C++ (Itanium ABI), Rust
/// and D names demangled, any other as it is, all without what compilers add for clones of a function.
pub(super) fn demangle(name: &str) -> String {
    #[cfg(test)]
    assert!(!name.contains("meets_a_fault"), "as a test of what a fault costs wants it");
    if name.len() > TEXT_LIMIT {
        return name.to_owned();
    }
    let base = without_clone_suffix(name);
    let target = target_of_thunk(base);
    let mangled = target.as_deref().unwrap_or(base);
    rust(mangled)
        .or_else(|| cpp(mangled))
        .or_else(|| dlang::demangle(mangled))
        .unwrap_or_else(|| base.to_owned())
}

/// The form of a mangled name that is to be had if [`demangle`] leaves it as it is: the template's
/// name without its arguments, which clang 18 and later write with their declarations and
/// constraints, as cpp_demangle does not know them: `_Z11constrainedITk5SmalllEPT_S0_`.
pub(super) fn template_of(name: &str) -> Option<String> {
    let name = name.get(..name.len().min(TEXT_LIMIT))?;
    let nested = if name.starts_with("_ZN") { "E" } else { "" };
    // The last list of arguments before what is not understood is the first that can be left out.
    let lists = name.rmatch_indices('I').map(|(at, _)| at).take(TEMPLATE_LIMIT);
    lists.filter_map(|at| cpp_whole(&format!("{}{nested}", &name[..at]))).next()
}

/// Whether a name is mangled in a way that [`demangle`] does not understand.
pub(super) fn is_obscure(name: &str) -> bool {
    is_mangled(name) && is_mangled(&demangle(name))
}

/// Whether a name is mangled, and so tells more than the name in the source.
pub(super) fn is_mangled(name: &str) -> bool {
    name.starts_with("_Z") || name.starts_with("_R")
}

fn rust(name: &str) -> Option<String> {
    let demangled = rustc_demangle::try_demangle(name).ok()?;
    // The alternate form leaves out the hash of a legacy name and the crate hashes of a v0 name.
    Limited::collect(|out| write!(out, "{demangled:#}"))
}

fn cpp(name: &str) -> Option<String> {
    // What is left over are parameter or return types in a form that cpp_demangle does not know,
    // such as gcc's `XsrSt6__and_IJ…EE5valueE` in the signature of std::swap. They are not shown.
    let (name, _signature) = cpp_beginning(name)?;
    Some(name)
}

/// The readable form of a C++ name all of which is understood.
fn cpp_whole(name: &str) -> Option<String> {
    cpp_beginning(name).and_then(|(name, rest)| rest.is_empty().then_some(name))
}

/// The readable form of a C++ name as far as it is understood, and the rest.
fn cpp_beginning(name: &str) -> Option<(String, &[u8])> {
    if !name.starts_with("_Z") {
        return None;
    }
    let parse = ParseOptions::default().recursion_limit(RECURSION_LIMIT);
    let (symbol, rest) = BorrowedSymbol::with_tail_and_options(name.as_bytes(), &parse).ok()?;
    let options = DemangleOptions::new()
        .no_params()
        .no_return_type()
        .hide_expression_literal_types()
        .recursion_limit(RECURSION_LIMIT);
    let name = Limited::collect(|out| symbol.structured_demangle(out, &options))?;
    Some((put_right(without_qualifiers(&name)), rest))
}

/// Puts right what cpp_demangle writes of empty packs of template arguments (`make_unique<Foo, >`)
/// and of literal operators (`operator_km::operator ""` for `operator"" _km`).
fn put_right(name: &str) -> String {
    let mut name = name.to_owned();
    // The operator that is a comma has no space behind it.
    for (empty, right) in [(", >", ">"), ("<, ", "<"), (", )", ")"), ("(, ", "("), (", , ", ", ")] {
        while name.contains(empty) {
            name = name.replace(empty, right);
        }
    }
    for _ in 0..LITERAL_OPERATOR_LIMIT {
        let Some((before, after)) = name.split_once("::operator \"\"") else { break };
        let Some((scope, suffix)) = before.rsplit_once("operator") else { break };
        let after = after.strip_prefix(' ').unwrap_or(after);
        name = format!("{scope}operator\"\" {suffix}{after}");
    }
    name
}

/// The mangled name of the method that a thunk adjusts `this` for: `_ZN3FooD1Ev` for
/// `_ZThn8_N3FooD1Ev` and `_ZTv0_n24_N3FooD1Ev`.
fn target_of_thunk(name: &str) -> Option<String> {
    let target = match name.strip_prefix("_ZTv") {
        Some(offsets) => offsets.split_once('_')?.1.split_once('_')?.1,
        None => name.strip_prefix("_ZTh")?.split_once('_')?.1,
    };
    Some(format!("_Z{target}"))
}

/// Removes what qualifies `this` in a method, and is written behind the parameters.
fn without_qualifiers(mut name: &str) -> &str {
    while let Some(base) =
        [" const", " volatile", " &", " &&"].iter().find_map(|qualifier| name.strip_suffix(qualifier))
    {
        name = base;
    }
    name
}

/// Removes the suffixes that gcc and LLVM append to the name of a function when they split it,
/// clone it with other parameters or make it local: `.cold`, `.part.0`, `.constprop.1.isra.0`,
/// `.llvm.123`, `.__uniq.123`.
fn without_clone_suffix(mut name: &str) -> &str {
    const SUFFIXES: [&str; 13] = [
        "cold",
        "part",
        "isra",
        "constprop",
        "lto_priv",
        "localalias",
        "llvm",
        "memprof",
        "argprom",
        "argelim",
        "specialized",
        "__uniq",
        "__part",
    ];
    while let Some((base, suffix)) = name.rsplit_once('.') {
        let is_number = !suffix.is_empty() && suffix.bytes().all(|b| b.is_ascii_digit());
        let (base, suffix) = match base.rsplit_once('.') {
            Some(split) if is_number => split,
            _ => (base, suffix),
        };
        if base.is_empty() || !SUFFIXES.contains(&suffix) {
            break;
        }
        name = base;
    }
    name
}

/// A string that refuses to grow beyond [`OUTPUT_LIMIT`].
struct Limited(String);

impl Limited {
    fn collect(write: impl FnOnce(&mut Limited) -> fmt::Result) -> Option<String> {
        let mut out = Limited(String::new());
        write(&mut out).ok()?;
        Some(out.0)
    }
}

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > OUTPUT_LIMIT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cases: &[(&str, &str)]) {
        for (mangled, name) in cases {
            assert_eq!(demangle(mangled), *name);
        }
    }

    #[test]
    fn cpp_names_lose_parameters_and_keep_template_arguments() {
        check(&[
            ("_Znwm", "operator new"),
            ("_ZnamRKSt9nothrow_t", "operator new[]"),
            ("_ZN3foo3barEi", "foo::bar"),
            ("_ZSt4sortIPiEvT_S1_", "std::sort<int*>"),
            ("_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<int, std::allocator<int> >::push_back"),
            ("_ZN12_GLOBAL__N_13fooEv", "(anonymous namespace)::foo"),
            ("_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()"),
            ("_ZNKR3Foo3barEv", "Foo::bar"),
            ("_Z8dump_decILj1ElEvT_", "dump_dec<1, long>"),
            ("_ZSt4swapIiENSt9enable_ifIXsrSt6__and_IJS0_EE5valueEvE4typeERT_S3_", "std::swap<int>"),
            ("_ZN1AC4Ev", "A::A"),
            ("_ZThn8_N3FooD1Ev", "Foo::~Foo"),
            ("_ZTv0_n24_N3FooD1Ev", "Foo::~Foo"),
        ]);
    }

    #[test]
    fn rust_names_lose_their_hash() {
        check(&[
            ("_ZN5alloc7raw_vec11finish_grow17h0123456789abcdefE", "alloc::raw_vec::finish_grow"),
            ("_RNvCskwGfYPst2Cb_3foo3bar", "foo::bar"),
            ("_RNvCs5PEh9Rqz9vQ_7___rustc12___rust_alloc", "__rustc::__rust_alloc"),
        ]);
    }

    #[test]
    fn clones_have_the_name_of_their_function() {
        check(&[
            ("foo.part.0", "foo"),
            ("foo.constprop.1.isra.0", "foo"),
            ("_ZN3foo3barEi.cold", "foo::bar"),
            ("_ZN3foo3barEi.llvm.1234567", "foo::bar"),
            ("main", "main"),
            ("memcpy.avx", "memcpy.avx"),
            (".cold", ".cold"),
            ("parse.__uniq.1234567890", "parse"),
            ("parse.__uniq.1234567890.llvm.42", "parse"),
            ("parse.__part.1", "parse"),
            ("parse.memprof.2", "parse"),
            ("", ""),
        ]);
    }

    #[test]
    fn empty_packs_and_literal_operators_are_written_as_llvm_does() {
        check(&[
            (
                "_ZSt11make_uniqueI3FooJEENSt8__detail9_MakeUniqIT_E15__single_objectEDpOT0_",
                "std::make_unique<Foo>",
            ),
            ("_Z1fIJEEvDpT_", "f<>"),
            ("_Z1fIJEJiEEvDpT_", "f<int>"),
            ("_Z1fIiJEdEvT_DpT0_", "f<int, double>"),
            ("_Zli3_kmd", "operator\"\" _km"),
            ("_ZN2nsli3_kmEd", "ns::operator\"\" _km"),
            ("_Z1fIXadL_Zli3_kmdEEEvv", "f<&operator\"\" _km(double)>"),
            ("_ZN1AcmERKS_", "A::operator,"),
        ]);
    }

    /// Names of clang 19, whose llvm-cxxfilt shows the arguments too.
    #[test]
    fn a_template_whose_arguments_are_not_understood_has_its_name() {
        for (mangled, name) in [
            ("_Z11constrainedITk5SmalllEPT_S0_", "constrained"),
            ("_Z5freshIiTnNSt9enable_ifIXsr3stdE13is_integral_vIT_EEiE4typeELi0EEPS1_S1_", "fresh"),
            ("_Z4wrapITtTpTyESt6vectoriEPT_IJT0_EES2_", "wrap"),
            ("_ZN3FooIiE6methodITk4TrueIT_EiEEvS3_", "Foo<int>::method"),
            ("_ZN2DB5Field6createIcQeqstT_Li1EEEvPKS2_m", "DB::Field::create"),
        ] {
            assert!(is_obscure(mangled), "{mangled}");
            assert_eq!(template_of(mangled).as_deref(), Some(name));
        }
        assert_eq!(template_of("_Zfoo"), None);
    }

    #[test]
    fn what_cannot_be_demangled_stays_as_it_is() {
        check(&[("_Zfoo", "_Zfoo"), ("_R", "_R")]);
    }

    #[test]
    fn names_made_to_explode_stay_as_they_are() {
        // Each pair<S, S> repeats the one before it twice: 2^40 names when written out.
        let mut bomb = String::from("_Z1fISt4pairIiiE");
        for level in 0..40u32 {
            let digit = char::from_digit(level.min(35), 36).unwrap().to_ascii_uppercase();
            bomb.push_str(&format!("St4pairIS{digit}_S{digit}_E"));
        }
        bomb.push_str("EvT_");
        let deep = format!("_Z1f{}i", "P".repeat(60_000));
        let long = format!("_Z{0}{1}v", 70_000, "x".repeat(70_000));
        for name in [bomb, deep, long] {
            assert!(demangle(&name).len() <= OUTPUT_LIMIT);
        }
    }
}
