//! Allocators by the names of their functions, and what each of these does.

use heaptrace_channel::patch::{Deed, Shape};

/// Parts of names that only files with an allocator inside have. jemalloc's are found by `mallocx`, which
/// nobody else has, whatever its prefix is. A linker leaves out what nobody calls: of rpmalloc `rpmalloc`
/// itself, where it is the global allocator of Rust.
pub const MARKS: [&str; 8] = [
    "mallocx",
    "mi_malloc",
    "tc_malloc",
    "TCMallocInternalMalloc",
    "rpmalloc",
    "rpfree",
    "sn_malloc",
    "sn_rust_alloc",
];

/// What comes before the names of C in a file with these functions: one for each copy of jemalloc that
/// was given names of its own, and snmalloc's. The names without prefix are always there.
pub fn prefixes<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const LONGEST: usize = 32;
    let prefix =
        |name: &'a str| name.strip_suffix("mallocx").or_else(|| (name == "sn_malloc").then_some("sn_"));
    let mut prefixes: Vec<_> = names.filter_map(prefix).filter(|prefix| prefix.len() <= LONGEST).collect();
    prefixes.push("");
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

/// Is it one of the names without prefix, which programs call by way of the dynamic linker?
pub fn is_standard(name: &str) -> bool {
    c(name).is_some() || operator(name).is_some()
}

/// What the function of that name does with blocks, if it is an allocator's.
pub fn shape(name: &str, prefixes: &[&str]) -> Option<Shape> {
    let prefixed = || prefixes.iter().filter_map(|prefix| name.strip_prefix(prefix));
    prefixed()
        .find_map(|name| c(name).or_else(|| jemalloc(name)))
        .or_else(|| operator(name))
        .or_else(|| mimalloc(name))
        .or_else(|| tcmalloc(name))
        .or_else(|| rpmalloc(name))
        .or_else(|| snmalloc(name))
}

fn c(name: &str) -> Option<Shape> {
    Some(match name {
        "malloc" | "valloc" | "pvalloc" => Shape::make(0),
        "calloc" => Shape::make_array(0, 1),
        "memalign" | "aligned_alloc" => Shape::make(1),
        "posix_memalign" => Shape::store(2),
        "realloc" => Shape::change(Deed::Remake, 0, 1),
        "reallocarray" => Shape::change_array(Deed::Remake, 0, 1, 2),
        "free" | "cfree" | "free_sized" | "free_aligned_sized" => Shape::free(0),
        _ => return None,
    })
}

/// Forms of C++'s operators. Size or block come first in all of them.
fn operator(name: &str) -> Option<Shape> {
    const NEW: [&str; 4] = ["m", "mRKSt9nothrow_t", "mSt11align_val_t", "mSt11align_val_tRKSt9nothrow_t"];
    const DELETE: [&str; 6] = [
        "Pv",
        "PvRKSt9nothrow_t",
        "PvSt11align_val_t",
        "PvSt11align_val_tRKSt9nothrow_t",
        "Pvm",
        "PvmSt11align_val_t",
    ];
    let of = |one, many| name.strip_prefix(one).or_else(|| name.strip_prefix(many));
    match (of("_Znw", "_Zna"), of("_Zdl", "_Zda")) {
        (Some(form), _) if NEW.contains(&form) => Some(Shape::make(0)),
        (_, Some(form)) if DELETE.contains(&form) => Some(Shape::free(0)),
        _ => None,
    }
}

/// What jemalloc has beside C's names.
fn jemalloc(name: &str) -> Option<Shape> {
    Some(match name {
        "mallocx" => Shape::make(0),
        "rallocx" => Shape::change(Deed::Remake, 0, 1),
        "xallocx" => Shape::change(Deed::Resize, 0, 1),
        "dallocx" | "sdallocx" => Shape::free(0),
        _ => return None,
    })
}

fn mimalloc(name: &str) -> Option<Shape> {
    let name = name.strip_prefix("mi_")?;
    match name {
        "posix_memalign" => return Some(Shape::store(2)),
        "memalign" | "aligned_alloc" | "heap_alloc_new" => return Some(Shape::make(1)),
        "valloc" | "pvalloc" => return Some(Shape::make(0)),
        "new" | "new_aligned" | "new_nothrow" | "new_aligned_nothrow" => return Some(Shape::make(0)),
        "new_n" => return Some(Shape::make_array(0, 1)),
        "new_realloc" => return Some(Shape::change(Deed::Remake, 0, 1)),
        "new_reallocn" => return Some(Shape::change_array(Deed::Remake, 0, 1, 2)),
        "heap_alloc_new_n" => return Some(Shape::make_array(1, 2)),
        "aligned_recalloc" | "aligned_offset_recalloc" => {
            return Some(Shape::change_array(Deed::Remake, 0, 1, 2));
        }
        "free" | "cfree" | "free_size" | "free_aligned" | "free_size_aligned" | "free_small" => {
            return Some(Shape::free(0));
        }
        _ => {}
    }
    // A heap comes before the arguments of the others, an alignment after them.
    let on_heap = name.strip_prefix("heap_").or_else(|| name.strip_prefix("theap_"));
    let (name, first) = on_heap.map_or((name, 0), |name| (name, 1));
    let name = name.strip_suffix("_at").filter(|name| name.ends_with("_aligned")).unwrap_or(name);
    Some(match name.strip_suffix("_aligned").unwrap_or(name) {
        "malloc" | "zalloc" | "malloc_small" | "zalloc_small" => Shape::make(first),
        "calloc" | "mallocn" => Shape::make_array(first, first + 1),
        "realloc" | "rezalloc" => Shape::change(Deed::Remake, first, first + 1),
        "reallocf" => Shape::change(Deed::RemakeOrFree, first, first + 1),
        "expand" => Shape::change(Deed::Expand, first, first + 1),
        "reallocn" | "recalloc" | "reallocarray" => {
            Shape::change_array(Deed::Remake, first, first + 1, first + 2)
        }
        _ => return None,
    })
}

fn tcmalloc(name: &str) -> Option<Shape> {
    if let Some(name) = name.strip_prefix("TCMallocInternal") {
        return Some(match name {
            "Malloc" | "Valloc" | "Pvalloc" => Shape::make(0),
            "Calloc" => Shape::make_array(0, 1),
            "Memalign" | "AlignedAlloc" => Shape::make(1),
            "PosixMemalign" => Shape::store(2),
            "Realloc" => Shape::change(Deed::Remake, 0, 1),
            "Free" | "Cfree" | "FreeSized" | "FreeAlignedSized" | "Sdallocx" => Shape::free(0),
            _ if name.starts_with("New") => Shape::make(0),
            _ if name.starts_with("Delete") => Shape::free(0),
            _ => return None,
        });
    }
    let name = name.strip_prefix("tc_")?;
    Some(match name {
        "malloc_skip_new_handler" => Shape::make(0),
        "new" | "new_nothrow" | "new_aligned" | "new_aligned_nothrow" => Shape::make(0),
        "newarray" | "newarray_nothrow" | "newarray_aligned" | "newarray_aligned_nothrow" => Shape::make(0),
        "delete" | "delete_nothrow" | "delete_aligned" | "delete_aligned_nothrow" => Shape::free(0),
        "delete_sized" | "delete_sized_aligned" => Shape::free(0),
        "deletearray" | "deletearray_nothrow" | "deletearray_aligned" | "deletearray_aligned_nothrow" => {
            Shape::free(0)
        }
        "deletearray_sized" | "deletearray_sized_aligned" => Shape::free(0),
        _ => return c(name),
    })
}

fn rpmalloc(name: &str) -> Option<Shape> {
    Some(match name {
        "rpmalloc" | "rpzalloc" => Shape::make(0),
        "rpcalloc" => Shape::make_array(0, 1),
        "rpmemalign" | "rpaligned_alloc" | "rpaligned_zalloc" => Shape::make(1),
        "rpaligned_calloc" => Shape::make_array(1, 2),
        "rpposix_memalign" => Shape::store(2),
        "rprealloc" => Shape::change(Deed::Remake, 0, 1),
        "rpaligned_realloc" => Shape::change(Deed::Remake, 0, 2),
        "rpfree" => Shape::free(0),
        "rpmalloc_heap_alloc" => Shape::make(1),
        "rpmalloc_heap_aligned_alloc" => Shape::make(2),
        "rpmalloc_heap_calloc" => Shape::make_array(1, 2),
        "rpmalloc_heap_aligned_calloc" => Shape::make_array(2, 3),
        "rpmalloc_heap_realloc" => Shape::change(Deed::Remake, 1, 2),
        "rpmalloc_heap_aligned_realloc" => Shape::change(Deed::Remake, 1, 3),
        "rpmalloc_heap_free" => Shape::free(1),
        _ => return None,
    })
}

/// Those that its crate for Rust calls: sizes come behind alignments.
fn snmalloc(name: &str) -> Option<Shape> {
    Some(match name {
        "sn_rust_alloc" | "sn_rust_alloc_zeroed" => Shape::make(1),
        "sn_rust_realloc" => Shape::change(Deed::Remake, 0, 3),
        "sn_rust_dealloc" => Shape::free(0),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_copy_of_jemalloc_has_its_prefix() {
        let names = ["main", "_rjem_mallocx", "je_mallocx", "_rjem_malloc"];
        let prefixes = prefixes(names.into_iter());
        assert_eq!(prefixes, ["", "_rjem_", "je_"]);
        for name in ["malloc", "je_malloc", "_rjem_malloc", "_rjem_mallocx"] {
            assert_eq!(shape(name, &prefixes), Some(Shape::make(0)), "{name}");
        }
        assert_eq!(shape("_rjem_sdallocx", &prefixes), Some(Shape::free(0)));
        for name in ["xmalloc", "jemalloc_malloc", "_rjem_je_malloc", "_rjem_malloc_usable_size", "nallocx"] {
            assert_eq!(shape(name, &prefixes), None, "{name}");
        }
    }

    #[test]
    fn a_heap_comes_first_and_an_alignment_last() {
        let remake = |block, size| Shape::change(Deed::Remake, block, size);
        for (name, expected) in [
            ("mi_malloc", Shape::make(0)),
            ("mi_malloc_aligned_at", Shape::make(0)),
            ("mi_heap_zalloc_aligned", Shape::make(1)),
            ("mi_theap_malloc", Shape::make(1)),
            ("mi_heap_calloc_aligned_at", Shape::make_array(1, 2)),
            ("mi_realloc_aligned", remake(0, 1)),
            ("mi_heap_rezalloc_aligned_at", remake(1, 2)),
            ("mi_heap_recalloc_aligned_at", Shape::change_array(Deed::Remake, 1, 2, 3)),
            ("mi_new_aligned", Shape::make(0)),
            ("mi_new_n", Shape::make_array(0, 1)),
            ("mi_free_size_aligned", Shape::free(0)),
            ("rpaligned_realloc", remake(0, 2)),
            ("sn_rust_realloc", remake(0, 3)),
            ("tc_deletearray_sized", Shape::free(0)),
            ("tc_memalign", Shape::make(1)),
            ("_ZnamSt11align_val_t", Shape::make(0)),
            ("_ZdlPvm", Shape::free(0)),
        ] {
            assert_eq!(shape(name, &[""]), Some(expected), "{name}");
        }
        for name in ["mi_heap_new", "mi_heap_destroy", "mi_good_size", "mi_usable_size", "_ZnwmPv", "mi_at"] {
            assert_eq!(shape(name, &[""]), None, "{name}");
        }
    }
}
