# How our own code is compiled. Linked PRIVATE by every target, so that nothing of it reaches users of the libraries.
add_library(memsnap_options INTERFACE)
add_library(memsnap::options ALIAS memsnap_options)
target_compile_features(memsnap_options INTERFACE cxx_std_23)
target_compile_options(memsnap_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Wconversion -Wsign-conversion -Wmissing-declarations)
if(MEMSNAP_WERROR)
  target_compile_options(memsnap_options INTERFACE -Werror)
endif()
if(MEMSNAP_SANITIZE)
  target_compile_options(memsnap_options INTERFACE -fsanitize=${MEMSNAP_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(memsnap_options INTERFACE -fsanitize=${MEMSNAP_SANITIZE})
endif()

# Everything that ends up in a loadable module is position independent and hidden but for its one entry point.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
