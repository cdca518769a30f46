//! Names of the functions that allocate on behalf of others.

/// The profile's `drop_frames`: a regular expression of the functions at the leaf end of a stack
/// that only pass a request for memory on. pprof removes a matching frame and all below it, so
/// that what is allocated counts for whoever asked.
///
/// pprof matches the whole of a name, from which it first cuts parameters (`simplifyFunc` in its
/// prune.go). Allocators that a program brings itself are not in the list: `allocate` is named for
/// the standard library's own classes only.
pub fn drop_frames() -> String {
    const FUNCTIONS: &[&str] = &[
        // The C library's, with the names that glibc has for its own use.
        "(__libc_|__GI___libc_)?(malloc|calloc|realloc|reallocarray|memalign|valloc|pvalloc)",
        "(__|__GI___)?posix_memalign",
        "(__)?aligned_alloc",
        // C++.
        r"operator new(\[\])?",
        r"std::allocator<.*>::allocate(_at_least)?",
        r"std::allocator_traits<std::allocator<.*> ?>::allocate(_at_least)?",
        r"(__gnu_cxx::|std::__)new_allocator<.*>::allocate",
        r"__gnu_cxx::__alloc_traits<std::allocator<.*>::allocate",
        r"std::__1::(__libcpp_allocate|__libcpp_operator_new|allocator<.*>::allocate).*",
        // Rust. The symbols have been in a module of their own since 1.87.
        r"(__rustc::)?__(rust|rdl|rg)_(alloc|alloc_zeroed|realloc)",
        r"alloc::alloc::(alloc|alloc_zeroed|realloc|exchange_malloc)",
        r"<?alloc::alloc::Global>?::.*",
        r"alloc::boxed::box_new(_uninit)?(::<.*>)?",
        r"<alloc::alloc::Global as core::alloc::Allocator>::.*",
        r"<std::alloc::System as core::alloc::global::GlobalAlloc>::.*",
        r"std::sys::alloc::.*GlobalAlloc for std::alloc::System>::.*",
        r"std::sys::alloc::unix::aligned_malloc",
    ];
    FUNCTIONS.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    fn dropped(name: &str) -> bool {
        Regex::new(&format!("^({})$", drop_frames())).unwrap().is_match(name)
    }

    #[test]
    fn functions_that_only_pass_a_request_on_are_dropped() {
        for name in [
            "malloc",
            "__libc_calloc",
            "posix_memalign",
            "operator new",
            "operator new[]",
            "std::__new_allocator<int>::allocate",
            "__gnu_cxx::new_allocator<std::pair<int const, int> >::allocate",
            "std::allocator_traits<std::allocator<char> >::allocate",
            "__rustc::__rust_alloc",
            "__rdl_realloc",
            "alloc::alloc::Global::alloc_impl",
            "<alloc::alloc::Global>::alloc_impl_runtime",
            "alloc::boxed::box_new_uninit",
            "<alloc::alloc::Global as core::alloc::Allocator>::grow",
            "std::sys::alloc::unix::<impl core::alloc::global::GlobalAlloc for std::alloc::System>::alloc",
        ] {
            assert!(dropped(name), "{name}");
        }
    }

    #[test]
    fn functions_that_ask_for_memory_stay() {
        for name in [
            "strdup",
            "my_malloc",
            "malloc_stats_of_mine",
            "std::vector<int, std::allocator<int> >::push_back",
            "std::allocator<int>::construct",
            "std::allocator_traits<Pool<int> >::allocate",
            "Pool::operator new",
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "alloc::vec::Vec<T>::with_capacity",
            "<[u8]>::to_vec_in::<alloc::alloc::Global>",
            "main",
        ] {
            assert!(!dropped(name), "{name}");
        }
    }
}
