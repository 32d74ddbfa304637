# Node.js and npm, which make the page of the .html export: of no other use to a user, so never needed at run time.
option(MEMSNAP_HTML "Build the page of 'memsnap export FILE.html', which needs Node.js and npm" ON)
if(MEMSNAP_HTML)
  find_program(MEMSNAP_NODE NAMES node nodejs)
  find_program(MEMSNAP_NPM npm)
  if(NOT MEMSNAP_NODE OR NOT MEMSNAP_NPM)
    message(FATAL_ERROR "Node.js and npm make the page of 'memsnap export FILE.html', and one of them is not there. "
      "Install nodejs and npm, or configure with -DMEMSNAP_HTML=OFF to do without that page.")
  endif()
endif()
