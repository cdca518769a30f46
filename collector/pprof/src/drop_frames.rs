//! Names of the functions that allocate on behalf of others.

/// The profile's `drop_frames`: a regular expression of the functions at the leaf end of a stack
/// that only pass a request for memory on. pprof removes a matching frame and all below it, so
/// that what is allocated counts for whoever asked: `push_back`, `reserve`, `insert`.
///
/// pprof matches the whole of a name, from which it first cuts parameters (`simplifyFunc` in its
/// prune.go): from the first `(` on, even of a tuple or a function among template arguments. It looks
/// for the match nearest to the root. So what may call the program's own code is not in the list, as
/// that would be gone from the stacks: what makes elements of a container (`_M_realloc_insert`,
/// `_M_create_node`, `Vec::extend_with`). Hash functions and comparisons are taken to allocate nothing.
/// Neither are allocators that a
/// program brings itself: `allocate` is named for the standard library's own classes only.
pub fn drop_frames() -> String {
    [C, CPP, LIBSTDCXX, LIBCXX, RUST, OTHERS].concat().join("|").replace("TYPES", TYPES)
}

/// Rust types as generic arguments: no ` as `, behind which is the trait of a method.
const TYPES: &str = r"([^ ]|[,;] | \+ |dyn |mut |const )*";

/// The C library's, with the names that glibc has for its own use.
const C: &[&str] = &[
    "(__libc_|__GI___libc_)?(malloc|calloc|realloc|reallocarray|memalign|valloc|pvalloc)",
    "(__|__GI___)?posix_memalign",
    "(__)?aligned_alloc",
];

/// Those of C++ itself.
const CPP: &[&str] = &[r"operator new(\[\])?"];

/// Allocators of libstdc++, and what of its containers calls nothing else.
const LIBSTDCXX: &[&str] = &[
    r"std::allocator<.*>::allocate(_at_least)?",
    r"std::allocator_traits<std::allocator<.*> ?>::allocate(_at_least)?",
    r"(__gnu_cxx::|std::__)new_allocator<.*>::allocate",
    r"__gnu_cxx::__alloc_traits<std::allocator<.*>::allocate",
    r"std::__allocate_guarded(_obj)?<.*>",
    r"std::(__detail::)?_?_?get_temporary_buffer<.*>",
    // Vectors, deques.
    r"std::_Vector_base<.*>::(_M_allocate|_M_create_storage|_Vector_base)",
    r"std::_Bvector_base<.*>::_M_allocate",
    r"std::_Deque_base<.*>::(_M_allocate_(map|node)|_M_create_nodes|_M_initialize_map|_Deque_base)",
    r"std::deque<.*>::(_M_reallocate_map|_M_reserve_(map|elements)_at_(back|front)|_M_new_elements_at_(back|front))",
    // Nodes, before there is an element in them, and tables of them.
    r"std::(__cxx11::)?(_Rb_tree|_List_base|_Fwd_list_base)<.*>::_M_get_node",
    r"std::__detail::_Hashtable_alloc<.*>::_M_allocate_buckets",
    r"std::_Hashtable<.*>::(_M_allocate_buckets|_M_rehash(_aux)?)",
    // Strings.
    r"std::__cxx11::basic_string<.*>::_M_(create|mutate|append|replace(_aux|_cold)?|assign)",
    r"std::(__cxx11::)?basic_string<.*>::_M_construct(<(bool|(char|wchar_t|char(8|16|32)_t)( const)?\*)>)?",
    r"std::basic_string<.*>::(_Rep::(_S_create|_M_clone)|_S_construct|_M_mutate|_M_leak_hard)(<.*>)?",
];

/// The same of libc++, the names of whose functions may have an ABI tag.
const LIBCXX: &[&str] = &[
    r"std::__[a-z0-9]+::(__libcpp_allocate|__libcpp_operator_new|__allocate_at_least|get_temporary_buffer)(\[abi:\w+\])?(<.*>)?",
    r"std::__[a-z0-9]+::allocator<.*>::allocate(_at_least)?(\[abi:\w+\])?",
    r"std::__[a-z0-9]+::allocator_traits<std::__[a-z0-9]+::allocator<.*> ?>::allocate(_at_least)?(\[abi:\w+\])?(<.*>)?",
    r"std::__[a-z0-9]+::__allocation_guard<.*>::__allocation_guard(\[abi:\w+\])?(<.*>)?",
    r"std::__[a-z0-9]+::vector<.*>::__vallocate(\[abi:\w+\])?",
    r"std::__[a-z0-9]+::__split_buffer<.*>::__split_buffer(\[abi:\w+\])?",
    r"std::__[a-z0-9]+::deque<.*>::__add_(back|front)_capacity(\[abi:\w+\])?",
    r"std::__[a-z0-9]+::__hash_table<.*>::__(do_)?rehash(_unique|_multi)?(\[abi:\w+\])?(<.*>)?",
    r"std::__[a-z0-9]+::basic_string<.*>::__(init(_with_size|_copy_ctor_external)?|grow_by(_and_replace|_without_replace)?|assign_external|assign_no_alias|shrink_or_extend|allocate_long_buffer)(\[abi:\w+\])?(<.*>)?",
];

/// Rust's. The symbols of the first line have been in a module of their own since 1.87; names may
/// be of either mangling: `alloc::boxed::Box<T,A>::new_in`, `<alloc::boxed::Box<u8>>::new_in`.
const RUST: &[&str] = &[
    r"(__rustc::)?__(rust|rdl|rg)_(alloc|alloc_zeroed|realloc)",
    r"alloc::alloc::(alloc|alloc_zeroed|realloc|exchange_malloc)",
    r"<?alloc::alloc::Global>?::.*",
    r"<alloc::alloc::Global as core::alloc::Allocator>::.*",
    r"<(std::alloc::System|tikv_jemallocator::Jemalloc|jemallocator::Jemalloc|mimalloc::MiMalloc|snmalloc_rs::SnMalloc|rpmalloc::RpMalloc) as core::alloc::global::GlobalAlloc>::.*",
    r"std::sys::alloc::.*GlobalAlloc for std::alloc::System>::.*",
    r"std::sys::alloc::unix::aligned_malloc",
    // Boxes and counted references, before there is anything in them.
    r"alloc::boxed::box_new(_uninit)?(::<.*>)?",
    r"<?alloc::boxed::Box<TYPES>>?::(try_)?new_(uninit|zeroed)(_slice)?(_in)?",
    r"<?alloc::(rc::Rc|sync::Arc)<TYPES>>?::(try_)?allocate_for_\w+(::.*)?",
    // What vectors, queues, trees and tables are made of.
    r"<?alloc::raw_vec::.*",
    r"<?alloc::vec::Vec<TYPES>>?::(push_mut|append_elements|(try_)?with_capacity_in)",
    r"<?alloc::string::String>?::(try_)?with_capacity_in",
    r"<?alloc::collections::vec_deque::VecDeque<TYPES>>?::(grow|push_(back|front)_mut)",
    r"<?alloc::collections::btree::node::.*",
    r"<?alloc::collections::btree::map::entry::VacantEntry<TYPES>>?::insert_entry",
    r"<?hashbrown::map::HashMap<TYPES>>?::find_or_find_insert_\w+(::.*)?",
    r"<?hashbrown::((raw::)?alloc::|raw::RawTableInner).*",
    r"<?hashbrown::raw::RawTable<TYPES>>?::(try_)?(reserve|reserve_rehash|resize|with_capacity|with_capacity_in|new_uninitialized|find_or_find_insert_\w+)(::.*)?",
];

/// Those of the run-time libraries of Ada, D, Fortran and Zig.
const OTHERS: &[&str] = &[
    r"__gnat_(malloc|realloc)|system__memory__(alloc|realloc)(__\d+)?|system__pool_global__allocate(__\d+)?",
    r"system__storage_pools__subpools__allocate_any_controlled|system__secondary_stack__ss_allocate(__\d+)?",
    r"system\.(memory\.(alloc|realloc)|pool_global\.allocate|storage_pools\.subpools\.allocate_any_controlled)",
    r"gc_(malloc|qalloc|calloc|realloc|extend)|_d_(allocmemory|newclass|newitem|newarray|arrayliteral)\w*",
    r"core\.memory\.GC\.\w*alloc|core\.internal\.(gc|container\.common)\..*|core\.memory\.pure\w*",
    r"_gfortrani_(get_mem|xmalloc|xmallocarray|xcalloc|xrealloc)",
    r"(std\.)?(heap\.(c_allocator_impl|CAllocator|raw_c_allocator\w*)|mem\.Allocator)\..*",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    use regex::Regex;

    fn dropped(name: &str) -> bool {
        static FRAMES: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(&format!("^({})$", drop_frames())).unwrap());
        FRAMES.is_match(name)
    }

    #[test]
    fn functions_that_only_pass_a_request_on_are_dropped() {
        for name in [
            "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_mutate",
            "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_construct<char const*>",
            "std::_Vector_base<Foo, std::allocator<Foo> >::_M_allocate",
            "std::_Deque_base<Foo, std::allocator<Foo> >::_M_initialize_map",
            "std::_Rb_tree<int, int, std::_Identity<int>, std::less<int>, std::allocator<int> >::_M_get_node",
            "std::__1::__split_buffer<int, std::__1::allocator<int>&>::__split_buffer[abi:ne190107]",
            "<alloc::raw_vec::RawVecInner<_>>::reserve::do_reserve_and_handle::<alloc::alloc::Global>",
            "<alloc::vec::Vec<u8>>::with_capacity_in",
            "alloc::rc::Rc<[T]>::allocate_for_slice::{{closure}}",
            "<hashbrown::raw::RawTableInner>::fallible_with_capacity::<alloc::alloc::Global>",
            "<hashbrown::raw::RawTable<(u32, alloc::string::String)>>::reserve_rehash::<hashbrown::map::make_hasher>",
            "system.memory.alloc",
            "core.internal.gc.impl.conservative.gc.Gcx.bigAlloc",
            "mem.Allocator.alloc__anon_1234",
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
            "alloc::boxed::Box<T,A>::try_new_uninit_in",
            "<alloc::boxed::Box<alloc::collections::btree::node::LeafNode<u64, u64>>>::new_uninit_in",
            "<alloc::boxed::Box<dyn core::ops::function::Fn<T> + core::marker::Send>>::new_uninit",
            "alloc::rc::Rc<[T],A>::allocate_for_slice_in::{{closure}}",
            "<alloc::sync::Arc<[u8]>>::allocate_for_slice::{closure#0}",
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "<alloc::raw_vec::RawVecInner>::finish_grow",
            "alloc::raw_vec::RawVecInner<A>::reserve::do_reserve_and_handle",
            "alloc::vec::Vec<T,A>::push_mut",
            "<alloc::collections::vec_deque::VecDeque<u64>>::grow",
            "alloc::collections::btree::node::LeafNode<K,V>::new",
            "hashbrown::raw::alloc::inner::do_alloc",
            "hashbrown::raw::RawTableInner::fallible_with_capacity",
            "hashbrown::raw::RawTable<T,A>::reserve_rehash",
            "std::_Vector_base<int, std::allocator<int> >::_M_allocate",
            "std::_Deque_base<long, std::allocator<long> >::_M_allocate_map",
            "std::_Rb_tree<long, std::pair<long const, long>, std::less<long> >::_M_get_node",
            "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_create",
            "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_construct<char*>",
            "std::basic_string<char, std::char_traits<char>, std::allocator<char> >::_Rep::_S_create",
            "std::__1::__allocate_at_least[abi:ne190107]<std::__1::allocator<char> >",
            "std::__1::allocator_traits<std::__1::allocator<std::__1::__list_node<long, void*> > >::allocate[abi:ne190107]",
            "std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char> >::__grow_by_and_replace",
            "__gnat_malloc",
            "system__pool_global__allocate__2",
            "_d_newclass",
            "core.internal.container.common.xrealloc",
            "_gfortrani_xmallocarray",
            "std::sys::alloc::unix::<impl core::alloc::global::GlobalAlloc for std::alloc::System>::alloc",
        ] {
            assert!(dropped(name), "{name}");
        }
    }

    #[test]
    fn functions_that_ask_for_memory_stay() {
        for name in [
            "std::__detail::_Hashtable_alloc<std::allocator<int> >::_M_allocate_node<int>",
            "std::vector<int, std::allocator<int> >::_M_realloc_insert<int const&>",
            "std::__cxx11::basic_string<char>::_M_construct<Iterator>",
            "std::make_shared<Foo>",
            "alloc::boxed::Box<T>::new",
            "hashbrown::map::HashMap<K,V,S,A>::insert",
            "<T as alloc::slice::<impl [T]>::to_vec_in::ConvertVec>::to_vec",
            "strdup",
            "my_malloc",
            "malloc_stats_of_mine",
            "std::vector<int, std::allocator<int> >::push_back",
            "std::allocator<int>::construct",
            "std::allocator_traits<Pool<int> >::allocate",
            "Pool::operator new",
            "alloc::vec::Vec<T>::with_capacity",
            "alloc::vec::Vec<T,A>::push",
            "alloc::vec::Vec<T,A>::extend_with",
            "<alloc::boxed::Box<app::Widget> as app::Make>::new",
            "<alloc::boxed::Box<T> as core::clone::Clone>::clone",
            "<hashbrown::raw::RawTable<T> as core::clone::Clone>::clone",
            "<app::RawTable<u8>>::reserve_rehash",
            "std::vector<int, std::allocator<int> >::reserve",
            "std::vector<Widget, std::allocator<Widget> >::_M_realloc_insert<Widget>",
            "std::_Rb_tree<int, Widget>::_M_create_node<int>",
            "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::append",
            "Widget::_M_allocate",
            "<[u8]>::to_vec_in::<alloc::alloc::Global>",
            "main",
        ] {
            assert!(!dropped(name), "{name}");
        }
    }
}
