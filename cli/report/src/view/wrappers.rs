//! The functions by which programs in C ask for memory everywhere: `xmalloc`, `g_malloc0`,
//! `Perl_safesysrealloc`. Who calls them is who asks.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::profile::tables::Profile;

/// What such a function does, in its name.
const REQUESTS: [&str; 9] =
    ["malloc", "calloc", "realloc", "zalloc", "palloc", "memalign", "strdup", "strndup", "memdup"];

/// Words of such names that only say how it is done.
const MANNERS: [&str; 6] = ["aligned", "impl", "internal", "n", "try", "usable"];

/// How far from one that several places call others of its kind are looked for, at least.
const CHAIN_DEPTH: usize = 8;

/// A place in a stack: a location, and one of its lines.
type CallSite = (u32, usize);

/// For each function whether it is one: by its name, and because more than one place calls it, or because it
/// calls one or one calls it, as `palloc_block` is a part of `palloc`.
pub fn wrappers(profile: &Profile) -> Vec<bool> {
    let names = profile.functions.iter().map(|function| profile.text(function.name));
    let named: Vec<bool> = names.map(is_name_of_one).collect();
    let mut is_wrapper = vec![false; named.len()];
    if !named.contains(&true) {
        return is_wrapper;
    }
    let mut callers: HashMap<u32, CallSite> = HashMap::new();
    let mut calls: BTreeSet<(u32, u32)> = BTreeSet::new();
    for stack in profile.stacks.iter() {
        let places = stack.iter().flat_map(|&location| {
            let lines = profile.code.lines(location).iter().enumerate();
            lines.map(move |(i, line)| ((location, i), line.function))
        });
        let mut called = None;
        for (place, function) in places {
            if let Some(called) = called.filter(|&called| named[called as usize]) {
                let first = *callers.entry(called).or_insert(place);
                is_wrapper[called as usize] |= first != place;
                if named[function as usize] {
                    calls.insert((called, function));
                }
            }
            called = Some(function);
        }
    }
    for _ in 0..CHAIN_DEPTH {
        for &(called, caller) in &calls {
            let is_one = is_wrapper[called as usize] || is_wrapper[caller as usize];
            is_wrapper[called as usize] = is_one;
            is_wrapper[caller as usize] = is_one;
        }
    }
    is_wrapper
}

/// Whether a name is that of a request for memory, with a word before and one after it at most: what
/// `grow_by_realloc` does is the program's own business.
fn is_name_of_one(name: &str) -> bool {
    if !name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()) {
        return false;
    }
    let name = name.trim_start_matches('_').to_ascii_lowercase();
    let words =
        |part: &str| part.split('_').filter(|word| !word.is_empty() && !MANNERS.contains(word)).count();
    let around = REQUESTS.iter().find_map(|request| name.split_once(request));
    match around {
        // What is right before it is a part of the same word: `xmalloc`.
        Some((before, after)) => {
            let before = before.rsplit_once('_').map_or("", |(words, _)| words);
            words(before) <= 1 && words(after) <= 1
        }
        // A letter or two, or the short name of a library: `zalloc`, `ngx_alloc`.
        None => name.strip_suffix("alloc").is_some_and(|before| match before.strip_suffix('_') {
            Some(library) => (1..=3).contains(&library.len()),
            None => (1..=2).contains(&before.len()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_for_memory_are_known_by_their_names() {
        for name in [
            "xmalloc",
            "xrealloc",
            "x2nrealloc",
            "xstrdup",
            "g_malloc0",
            "git__calloc",
            "ngx_palloc",
            "zmalloc",
            "Perl_safesysmalloc",
            "_PyMem_RawMalloc",
            "sqlite3DbMallocRawNN",
            "av_mallocz",
            "CRYPTO_strdup",
            "lalloc",
            "ngx_alloc",
            "ngx_palloc_block",
            "ztrymalloc_usable_internal",
            "g_try_malloc0_n",
        ] {
            assert!(is_name_of_one(name), "{name}");
        }
        for name in [
            "main",
            "grow_by_realloc",
            "node_new",
            "allocate",
            "alloc_page",
            "app::xmalloc",
            "array_alloc",
            "",
        ] {
            assert!(!is_name_of_one(name), "{name}");
        }
    }
}
