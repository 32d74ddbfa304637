#include "core/heap/type_name.h"

#include "core/heap/function_name.h"
#include "core/heap/source_line.h"
#include "tests/catch.h"

namespace memsnap {
namespace {

using Words = std::vector<std::string_view>;

TEST_CASE("A type has one spelling, whoever wrote its name", "[unit][types]") {
  CHECK(canonical_type_name("long unsigned int") == "unsigned long");
  CHECK(canonical_type_name("unsigned") == "unsigned int");
  CHECK(canonical_type_name("short int") == "short");
  CHECK(canonical_type_name("long long unsigned int") == "unsigned long long");
  CHECK(canonical_type_name("long double") == "long double");
  CHECK(canonical_type_name("signed char") == "signed char");
  CHECK(canonical_type_name("const char*") == "char const*");
  CHECK(canonical_type_name("char const *") == "char const*");
  CHECK(canonical_type_name("const char * const") == "char const* const");
  CHECK(canonical_type_name("std::pair<const int, app::Node>") == "std::pair<int const, app::Node>");
  CHECK(canonical_type_name("a::B<c::D<int> >") == "a::B<c::D<int>>");
  CHECK(canonical_type_name("a::B<int,char>::C") == "a::B<int, char>::C");
  CHECK(canonical_type_name("std::array<long unsigned int, 4>") == "std::array<unsigned long, 4>");
  CHECK(canonical_type_name("std::array<unsigned long, 4ul>") == "std::array<unsigned long, 4>");
  CHECK(canonical_type_name("X<-1>") == "X<-1>");
  CHECK(canonical_type_name("X<(app::Kind)2>") == "X<(app::Kind)2>");
  CHECK(canonical_type_name("X<{anonymous}::Y>") == "X<(anonymous namespace)::Y>");
  CHECK(canonical_type_name("(anonymous namespace)::Y") == "(anonymous namespace)::Y");
  CHECK(canonical_type_name("int []") == "int []");
  CHECK(canonical_type_name("std::function<void (const int&)>") == "std::function<void (int const&)>");
  CHECK(canonical_type_name("X<void (*)(int, long int)>") == "X<void (*)(int, long)>");
  CHECK(canonical_type_name("main()::Local") == "main()::Local");
  CHECK(canonical_type_name("X<>") == "X<>");
}

TEST_CASE("A name that is no type's keeps its words", "[unit][types]") {
  CHECK(canonical_type_name("") == "");
  CHECK(canonical_type_name("X<") == "X<");
  CHECK(canonical_type_name("a + b") == "a+b");
  CHECK(canonical_type_name(std::string(10000, '<')).size() == 10000);
  CHECK(canonical_type_name("X<{lambda(int)#1}>") == "X<{lambda(int)#1}>");
}

TEST_CASE("A string is called as people call it", "[unit][types]") {
  CHECK(shown_type_name("a<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char>>, int>") ==
        "a<std::string, int>");
  CHECK(shown_type_name("std::__cxx11::basic_string<wchar_t>") == "std::__cxx11::basic_string<wchar_t>");
}

TEST_CASE("Template arguments are told apart", "[unit][types]") {
  CHECK(template_arguments("x::T<int, A<int, char>, void (*)(int, int)>") ==
        Words{"int", "A<int, char>", "void (*)(int, int)"});
  CHECK(template_arguments("x::T<int>::U").empty());
  CHECK(template_arguments("plain").empty());
  CHECK(template_name("x::T<A<int>>") == "x::T");
  CHECK(template_name("x::T") == "x::T");
}

TEST_CASE("The standard library's functions say what they allocate", "[unit][types]") {
  const auto said = [](std::string_view function) {
    const auto found = library_allocation(function);
    return found ? found->type + (found->is_many ? "[]" : "") : std::string("-");
  };
  CHECK(said("std::__new_allocator<int>::allocate(unsigned long, void const*)") == "int[]");
  CHECK(said("__gnu_cxx::new_allocator<app::A<int> >::allocate(unsigned long, void const*)") == "app::A<int>[]");
  CHECK(said("std::__1::allocator<char>::allocate[abi:v160006](unsigned long)") == "char[]");
  CHECK(said("std::__1::allocator<char>::allocate(unsigned long)") == "char[]");
  CHECK(said("std::__new_allocator<std::_List_node<int>>::allocate(unsigned long, void const*)") ==
        "std::_List_node<int>");
  CHECK(said("std::_MakeUniq<app::A>::__single_object std::make_unique<app::A, int>(int&&)") == "app::A");
  CHECK(said("std::_MakeUniq<int []>::__array std::make_unique<int []>(unsigned long)") == "int[]");
  CHECK(
      said("std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char>>::_M_create(unsigned long&, "
           "unsigned long)") == "char[]");
  CHECK(said("std::pair<int*, long> std::get_temporary_buffer<int>(long)") == "int[]");
  CHECK(said("void std::vector<app::A, std::allocator<app::A>>::_M_realloc_insert<>(int)") == "app::A[]");
  CHECK(said("std::vector<bool, std::allocator<bool>>::reserve(unsigned long)") == "-");
  CHECK(said("std::_Function_base::_Base_manager<main::{lambda()#1}>::_M_clone(std::_Any_data&)") ==
        "main::{lambda()#1}");
  CHECK(said("mine::allocator<int>::allocate(unsigned long)") == "-");
  CHECK(said("std::__new_allocator<int>::deallocate(int*, unsigned long)") == "-");
  CHECK(said("main") == "-");
}

TEST_CASE("A constructor is told by its name", "[unit][types]") {
  CHECK(constructed_class("app::A::A(int)") == "app::A");
  CHECK(constructed_class("app::A<int>::A(std::vector<int> const&)") == "app::A<int>");
  CHECK(constructed_class("app::A::A<int>(int)") == "app::A");
  CHECK_FALSE(constructed_class("app::A::~A()"));
  CHECK_FALSE(constructed_class("app::A::make()"));
  CHECK_FALSE(constructed_class("main"));
  CHECK_FALSE(constructed_class(""));
}

TEST_CASE("A line of source says what it allocates, or nothing", "[unit][types]") {
  const auto said = [](std::string_view line) {
    const auto found = written_allocation(line);
    return found ? found->type + (found->is_many ? "[]" : "") : std::string("-");
  };
  CHECK(said("auto* a = new app::Node{1, 2};") == "app::Node");
  CHECK(said("  return new Node;") == "Node");
  CHECK(said("a = new (std::nothrow) Node();") == "Node");
  CHECK(said("a = new unsigned long[20];") == "unsigned long[]");
  CHECK(said("a = new ::app::Node();") == "app::Node");
  CHECK(said("struct s* a = malloc(sizeof(struct s));") == "s");
  CHECK(said("a = (struct s*)calloc(1, sizeof(struct s));") == "s");
  CHECK(said("a = calloc(n, sizeof(s));  // new Node") == "s[]");
  CHECK(said("p->a = malloc(n * sizeof(s));") == "s[]");
  CHECK(said("a = malloc(sizeof(s) + n);") == "-");
  CHECK(said("a = malloc(n - sizeof(s));") == "-");
  CHECK(said("a = malloc(sizeof *a);") == "-");
  CHECK(said("a = malloc(sizeof(s) * sizeof(t));") == "-");
  CHECK(said("a = x ? new A : new B;") == "-");
  CHECK(said("a = new (place) Node;") == "-");
  CHECK(said("a = new Node<int>;") == "-");
  CHECK(said("a = new Node*[3];") == "-");
  CHECK(said("f(\"new Node\");") == "-");
  CHECK(said("void* operator new(size_t n);") == "-");
  CHECK(said("a = sizeof(s);") == "-");
  CHECK(said("") == "-");
}

}  // namespace
}  // namespace memsnap
