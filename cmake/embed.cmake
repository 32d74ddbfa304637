# memsnap_embed(NAME SYMBOL FILE MAKER): a library memsnap::NAME that holds the bytes of FILE, which target MAKER makes,
# from SYMBOL_begin to SYMBOL_end.
function(memsnap_embed name symbol file maker)
  set(source ${PROJECT_SOURCE_DIR}/cmake/embedded.S)
  add_library(memsnap_${name}_bytes STATIC ${source})
  add_library(memsnap::${name} ALIAS memsnap_${name}_bytes)
  set_source_files_properties(${source} PROPERTIES
    COMPILE_DEFINITIONS "MEMSNAP_BEGIN=${symbol}_begin;MEMSNAP_END=${symbol}_end;MEMSNAP_FILE=\"${file}\""
    OBJECT_DEPENDS ${file})
  add_dependencies(memsnap_${name}_bytes ${maker})
endfunction()
