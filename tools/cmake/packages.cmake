# packages: what is installed beside programs, plugins and headers, and the Debian packages made of it all.
#
# Every path follows from the place of a program or of trilby-sdk.pc: an installed tree may be moved as a whole.
set(TRB_MAINTAINER "The Trilby authors <trilby@users.noreply.github.com>" CACHE STRING "Who is named in the packages")

install(DIRECTORY config/ DESTINATION share/trilby/config COMPONENT trilby)
install(FILES README.md DESTINATION share/doc/trilby COMPONENT trilby)
install(DIRECTORY docs/ DESTINATION share/doc/trilby/docs COMPONENT trilby PATTERN components EXCLUDE)
# The tools look for the templates beside their own folder, as in a checkout.
install(DIRECTORY sdk/template sdk/rust DESTINATION share/trilby/sdk COMPONENT trilby-sdk OPTIONAL PATTERN target EXCLUDE)
install(PROGRAMS tools/new-component tools/describe DESTINATION share/trilby/tools COMPONENT trilby-sdk)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/sdk)
foreach(tool new-component describe)
    file(CREATE_LINK ../share/trilby/tools/${tool} ${CMAKE_BINARY_DIR}/sdk/trilby-${tool} SYMBOLIC)
    install(FILES ${CMAKE_BINARY_DIR}/sdk/trilby-${tool} DESTINATION bin COMPONENT trilby-sdk)
endforeach()

# A program's own --help is its manual.
function(trilby_manual name program package)
    set(page ${CMAKE_BINARY_DIR}/man/${name}.1.gz)
    add_custom_command(OUTPUT ${page} DEPENDS ${program} ${CMAKE_SOURCE_DIR}/tools/cmake/manual
        COMMAND ${CMAKE_SOURCE_DIR}/tools/cmake/manual ${program} ${PROJECT_VERSION} ${page})
    set_property(GLOBAL APPEND PROPERTY TRB_MANUAL ${page})
    install(FILES ${page} DESTINATION share/man/man1 COMPONENT ${package})
endfunction()

if(TRB_FLAVOUR STREQUAL "release" AND TARGET trilbyd AND TARGET trilby AND TARGET trilby-conform AND NOT CMAKE_CROSSCOMPILING)
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/man)
    trilby_manual(trilbyd ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/trilbyd trilby)
    trilby_manual(trilby ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/trilby trilby)
    trilby_manual(trilby-conform ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/trilby-conform trilby-sdk)
    trilby_manual(trilby-new-component ${CMAKE_SOURCE_DIR}/tools/new-component trilby-sdk)
    trilby_manual(trilby-describe ${CMAKE_SOURCE_DIR}/tools/describe trilby-sdk)
    file(CREATE_LINK trilbyd.1.gz ${CMAKE_BINARY_DIR}/man/daprd.1.gz SYMBOLIC)
    install(FILES ${CMAKE_BINARY_DIR}/man/daprd.1.gz DESTINATION share/man/man1 COMPONENT trilby)
    get_property(pages GLOBAL PROPERTY TRB_MANUAL)
    add_custom_target(manual ALL DEPENDS ${pages})
endif()

set(packages trilby trilby-sdk)
set(CPACK_DEBIAN_TRILBY_DESCRIPTION "distributed application runtime: kernel, building blocks, command line
A sidecar that gives a program in any language state, publish/subscribe,
service invocation, bindings, configuration, secrets, locks and cryptography
over HTTP and gRPC on localhost. It is compatible with Dapr 1.18 on the wire.

This package has the sidecar (trilbyd), the command line (trilby), the
building blocks, and the components that need no other library.")
set(CPACK_DEBIAN_TRILBY-SDK_DESCRIPTION "headers and tools for components of the Trilby runtime
The C headers of the plugin contract, trilby-conform, which judges any
component, and templates to begin one with.")
set(CPACK_DEBIAN_TRILBY_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_TRILBY_PACKAGE_SECTION net)
set(CPACK_DEBIAN_TRILBY-SDK_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_TRILBY-SDK_PACKAGE_RECOMMENDS "gcc | c-compiler, pkgconf, cmake")

foreach(line IN LISTS TRB_FAMILIES)
    string(REGEX MATCH "^([a-z]+)\\|.*\\|([^|]*)$" _ "${line}")
    set(package trilby-components-${CMAKE_MATCH_1})
    set(speaks "${CMAKE_MATCH_2}")
    string(TOUPPER ${package} upper)
    list(APPEND packages ${package})
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION net)
    set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "trilby (>= ${PROJECT_VERSION})")
    set(CPACK_DEBIAN_${upper}_DESCRIPTION "components of the Trilby runtime for ${CMAKE_MATCH_1}
Plugins that join the building blocks of Trilby with a product.

${speaks}.")
endforeach()

# What Debian wants to find in every package.
set(doc ${CMAKE_BINARY_DIR}/packages)
set(epoch $ENV{SOURCE_DATE_EPOCH})
if(NOT epoch)
    execute_process(COMMAND git log -1 --format=%ct WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE epoch
        OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT epoch)
    set(epoch 0)
endif()
execute_process(COMMAND date -u -R -d @${epoch} OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
file(WRITE ${doc}/copyright "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Trilby

Files: *
Copyright: 2026 The Trilby authors
License: Apache-2.0

License: Apache-2.0
 On Debian systems the text of this licence is in
 /usr/share/common-licenses/Apache-2.0.
")
foreach(package ${packages})
    file(WRITE ${doc}/${package}/changelog "${package} (${PROJECT_VERSION}) unstable; urgency=medium

  * As of this commit.

 -- ${TRB_MAINTAINER}  ${date}
")
    execute_process(COMMAND gzip -9nf ${doc}/${package}/changelog)
    install(FILES ${doc}/copyright ${doc}/${package}/changelog.gz DESTINATION share/doc/${package} COMPONENT ${package})
endforeach()

# Its paths follow from where it lies, so it is the same for every architecture but lies with the one it came for.
file(WRITE ${doc}/overrides "trilby-sdk: pkg-config-unavailable-for-cross-compilation [usr/lib/pkgconfig/trilby-sdk.pc]\n")
install(FILES ${doc}/overrides DESTINATION share/lintian/overrides RENAME trilby-sdk COMPONENT trilby-sdk)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME trilby)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR "The Trilby authors")
set(CPACK_PACKAGE_CONTACT ${TRB_MAINTAINER})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS ${CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL ${packages})
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(package ${packages})
    string(TOUPPER ${package} upper)
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package})
endforeach()
include(CPack)
