//! The functions by which programs in C ask for memory everywhere: `xmalloc`, `g_malloc0`,
//! `Perl_safesysrealloc`. Who calls them is who asks.

use hashbrown::HashMap;

use crate::profile::tables::Profile;

/// What such a function does, in its name.
const REQUESTS: [&str; 9] =
    ["malloc", "calloc", "realloc", "zalloc", "palloc", "memalign", "strdup", "strndup", "memdup"];

/// A place in a stack: a location, and one of its lines.
type CallSite = (u32, usize);

/// For each function whether it is one: by its name, and because more than one place calls it.
pub fn wrappers(profile: &Profile) -> Vec<bool> {
    let names = profile.functions.iter().map(|function| profile.text(function.name));
    let named: Vec<bool> = names.map(is_name_of_one).collect();
    let mut is_wrapper = vec![false; named.len()];
    if !named.contains(&true) {
        return is_wrapper;
    }
    let mut callers: HashMap<u32, CallSite> = HashMap::new();
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
            }
            called = Some(function);
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
    let words = |part: &str| part.split('_').filter(|word| !word.is_empty()).count();
    let around = REQUESTS.iter().find_map(|request| name.split_once(request));
    match around {
        // What is right before it is a part of the same word: `xmalloc`.
        Some((before, after)) => {
            let before = before.rsplit_once('_').map_or("", |(words, _)| words);
            words(before) <= 1 && words(after) <= 1
        }
        None => name.strip_suffix("alloc").is_some_and(|before| (1..=2).contains(&before.len())),
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
