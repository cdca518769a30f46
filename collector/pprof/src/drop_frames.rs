//! Names of the functions that allocate on behalf of others.

/// The profile's `drop_frames`: a regular expression of the functions at the leaf end of a stack
/// that only pass a request for memory on. pprof removes a matching frame and all below it, so
/// that what is allocated counts for whoever asked.
///
/// pprof matches the whole of a name, from which it first cuts parameters (`simplifyFunc` in its
/// prune.go). Allocators that a program brings itself are not in the list: `allocate` is named for
/// the standard library's own classes only. And nothing is in it that calls what a program brings
/// (constructors, hashes, iterators): all that is below a frame in the list is lost.
pub fn drop_frames() -> String {
    const FUNCTIONS: &[&str] = &[
        // The C library's, with the names that glibc has for its own use.
        "(__libc_|__GI___libc_)?(malloc|calloc|realloc|reallocarray|memalign|valloc|pvalloc)",
        "(__|__GI___)?posix_memalign",
        "(__)?aligned_alloc",
        // C++: operators, then allocators, libstdc++'s containers, and those of libc++.
        r"operator new(\[\])?",
        r"std::allocator<.*>::allocate(_at_least)?",
        r"std::allocator_traits<std::allocator<.*> ?>::allocate(_at_least)?",
        r"(__gnu_cxx::|std::__)new_allocator<.*>::allocate",
        r"__gnu_cxx::__alloc_traits<std::allocator<.*>::allocate",
        r"std::__allocate_guarded(<.*>)?",
        r"std::(__cxx11::)?basic_string<.*>::_M_(create|mutate)",
        r"std::(__cxx11::)?basic_string<.*>::_M_construct(<(bool|(char|wchar_t|char(8|16|32)_t)( const)?\*)>)?",
        r"std::_Vector_base<.*>::(_M_allocate|_M_create_storage|_Vector_base)",
        r"std::_Deque_base<.*>::(_M_allocate_(map|node)|_M_create_nodes|_M_initialize_map|_Deque_base)",
        r"std::(__cxx11::)?(_Rb_tree|_List_base|_Fwd_list_base)<.*>::_M_get_node",
        r"std::(__detail::_Hashtable_alloc|_Hashtable)<.*>::_M_allocate_buckets",
        r"std::__1::(__libcpp_allocate|__libcpp_operator_new|allocator<.*>::allocate).*",
        r"std::__1::(__allocate_at_least|__allocation_guard<.*>::__allocation_guard).*",
        r"std::__1::(__split_buffer<.*>::__split_buffer|vector<.*>::__vallocate)(\[abi:.*\])?",
        r"std::__1::basic_string<.*>::(__init(_copy_ctor_external)?|__grow_by.*)(\[abi:.*\])?",
        // Rust. The symbols have been in a module of their own since 1.87.
        r"(__rustc::)?__(rust|rdl|rg)_(alloc|alloc_zeroed|realloc)",
        r"alloc::alloc::(alloc|alloc_zeroed|realloc|exchange_malloc)",
        r"<?alloc::alloc::Global>?::.*",
        r"alloc::boxed::box_new(_uninit)?(::<.*>)?",
        r"<alloc::alloc::Global as core::alloc::Allocator>::.*",
        r"<std::alloc::System as core::alloc::global::GlobalAlloc>::.*",
        r"std::sys::alloc::.*GlobalAlloc for std::alloc::System>::.*",
        r"std::sys::alloc::unix::aligned_malloc",
        // Buffers of vectors and strings, and the blocks of boxes and counted references.
        r"<?alloc::raw_vec::.*",
        r"(<?alloc::vec::Vec<.*>+::|<?alloc::string::String>?::)(try_)?with_capacity_in",
        r"<?alloc::boxed::Box<.*>+::(try_)?new_(uninit|zeroed)(_slice)?(_in)?",
        r"<?alloc::(rc|sync)::.*>+::(try_)?allocate_for_.*",
        r"<?alloc::collections::btree::node::(LeafNode|InternalNode|NodeRef)<.*>+::(new|new_leaf|new_internal)",
        // The tables of HashMap. Growing one asks for hashes, which are next to never allocated for.
        r"<?hashbrown::(raw::)?alloc::.*",
        r"<?hashbrown::raw::RawTableInner>?::(new_uninitialized|(fallible_|try_)?with_capacity|prepare_resize|resize_inner|reserve_rehash_inner).*",
        r"<?hashbrown::raw::RawTable<.*>+::(reserve|reserve_rehash|resize|new_uninitialized|(fallible_|try_)?with_capacity(_in)?)(::<.*>)?",
        // Ada, D, Fortran and Zig.
        r"__gnat_(malloc|realloc)|system__(memory__(alloc|realloc)|pool_global__allocate)",
        r"system\.(memory\.(alloc|realloc)|pool_global\.allocate)",
        r"system(__|\.)storage_pools(__|\.)subpools(__|\.)allocate_any_controlled",
        r"gc_(malloc|calloc|qalloc|realloc)|core\.internal\.gc\..*",
        r"_d_(new(class|item|array).*|allocmemory.*|arrayappend.*|arraysetlength.*)",
        r"_gfortrani_x(malloc|calloc|realloc|mallocarray)",
        r"heap\.([cC]|raw_c)_?[aA]llocator.*|mem\.Allocator\..*",
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
            "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_mutate",
            "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_construct<char const*>",
            "std::_Vector_base<Foo, std::allocator<Foo> >::_M_allocate",
            "std::_Deque_base<Foo, std::allocator<Foo> >::_M_initialize_map",
            "std::_Rb_tree<int, int, std::_Identity<int>, std::less<int>, std::allocator<int> >::_M_get_node",
            "std::__1::__split_buffer<int, std::__1::allocator<int>&>::__split_buffer[abi:ne190107]",
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "<alloc::raw_vec::RawVecInner<_>>::reserve::do_reserve_and_handle::<alloc::alloc::Global>",
            "<alloc::vec::Vec<u8>>::with_capacity_in",
            "alloc::boxed::Box<T,A>::try_new_uninit_in",
            "alloc::rc::Rc<[T]>::allocate_for_slice::{{closure}}",
            "hashbrown::raw::alloc::inner::do_alloc",
            "<hashbrown::raw::RawTableInner>::fallible_with_capacity::<alloc::alloc::Global>",
            "<hashbrown::raw::RawTable<(u32, alloc::string::String)>>::reserve_rehash::<hashbrown::map::make_hasher>",
            "system.memory.alloc",
            "core.internal.gc.impl.conservative.gc.Gcx.bigAlloc",
            "mem.Allocator.alloc__anon_1234",
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
            // What they call may be the program's.
            "std::__detail::_Hashtable_alloc<std::allocator<int> >::_M_allocate_node<int>",
            "std::vector<int, std::allocator<int> >::_M_realloc_insert<int const&>",
            "std::__cxx11::basic_string<char>::_M_construct<Iterator>",
            "std::make_shared<Foo>",
            "alloc::boxed::Box<T>::new",
            "alloc::vec::Vec<T>::with_capacity",
            "<hashbrown::raw::RawTable<T> as core::clone::Clone>::clone",
            "hashbrown::map::HashMap<K,V,S,A>::insert",
            "<T as alloc::slice::<impl [T]>::to_vec_in::ConvertVec>::to_vec",
            "<[u8]>::to_vec_in::<alloc::alloc::Global>",
            "main",
        ] {
            assert!(!dropped(name), "{name}");
        }
    }
}
