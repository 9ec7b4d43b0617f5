# families: which Debian package a plugin is part of, and where it is installed. What pulls in a client library, or speaks to a product of its
# own, has a package of its own; blocks and what needs neither come with the kernel.
#
#     name|plugins, as a regular expression|what the package says of itself
set(TRB_FAMILIES
    "redis|^[a-z]+\\.redis$|Redis: state, publish/subscribe, configuration, locks and bindings"
    "kafka|^[a-z]+\\.kafka$|Apache Kafka: publish/subscribe and bindings"
    "rabbitmq|^[a-z]+\\.rabbitmq$|RabbitMQ: publish/subscribe and bindings"
    "mqtt|^[a-z]+\\.mqtt3$|MQTT 3.1.1: publish/subscribe and bindings"
    "nats|^[a-z]+\\.jetstream$|NATS JetStream: publish/subscribe"
    "postgresql|^[a-z]+\\.postgresql$|PostgreSQL: state, configuration and bindings"
    "mysql|^[a-z]+\\.mysql$|MySQL and MariaDB: state"
    "sqlite|^[a-z]+\\.sqlite$|SQLite: state and name resolution"
    "mongodb|^[a-z]+\\.mongodb$|MongoDB: state"
    "memcached|^[a-z]+\\.memcached$|memcached: state"
    "etcd|^[a-z]+\\.etcd$|etcd: state"
    "cloud|^[a-z]+\\.(aws|azure|gcp|hashicorp)\\.|^secretstores\\.kubernetes$|AWS, Azure, Google Cloud, Vault, Kubernetes: secrets and storage"
    "http|^bindings\\.http$|^crypto\\.dapr\\.jwks$|HTTP: bindings, and keys from a URL"
)

# trilby_family(state.redis package): trilby-components-redis; trilby for what is in no family.
function(trilby_family name ret_package)
    set(package trilby)
    foreach(line IN LISTS TRB_FAMILIES)
        string(REGEX MATCH "^([a-z]+)\\|(.*)\\|[^|]*$" _ "${line}")
        set(family ${CMAKE_MATCH_1})
        if(name MATCHES "${CMAKE_MATCH_2}")
            set(package trilby-components-${family})
        endif()
    endforeach()
    set(${ret_package} ${package} PARENT_SCOPE)
endfunction()

# trilby_install_plugin(state.sqlite target state.sqlite3): the plugin, the links to it and its page.
function(trilby_install_plugin name target)
    trilby_family(${name} package)
    install(TARGETS ${target} LIBRARY DESTINATION lib/trilby/plugins COMPONENT ${package}
        PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    foreach(alias ${ARGN})
        install(FILES ${TRB_PLUGIN_DIR}/${alias}.so DESTINATION lib/trilby/plugins COMPONENT ${package})
    endforeach()
    if(EXISTS ${CMAKE_SOURCE_DIR}/docs/components/${name}.md)
        install(FILES ${CMAKE_SOURCE_DIR}/docs/components/${name}.md DESTINATION share/doc/trilby/docs/components
            COMPONENT ${package})
    endif()
endfunction()
