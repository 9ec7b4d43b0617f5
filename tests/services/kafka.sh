# What the scripts of Apache Kafka share: the jars, and one node that is broker and controller in one (KRaft).
# Sourced after lib.sh, never run. Its caller defines properties_write FOLDER PORT CONTROLLER_PORT.

jars=${KAFKA_JARS:-${HOME:-/tmp}/.cache/trilby/kafka-3.9.1}
java_options=(-Xmx384m -Xms128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1)
format_options=()

jars_fetch() {
    [ ! -e "$jars/complete" ] || return 0
    command -v mvn >/dev/null || die "needs maven to fetch the jars of Kafka: install maven"
    mkdir -p "$jars"
    mvn -q -B -f "$HERE/kafka.pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$jars" -DincludeScope=runtime >&2
    touch "$jars/complete"
}

node_say() { # FOLDER CONTROLLER_PORT
    cat <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$2
controller.listener.names=CONTROLLER
log.dirs=$1/data
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=true
END
}

kafka_again() {
    service_start "$1" java "${java_options[@]}" -cp "$jars/*" kafka.Kafka "$1/server.properties"
    service_await "$1" "$2" 90
}

kafka_run() {
    local folder=$1 port=$2
    rm -rf "$folder/data"
    properties_write "$folder" "$port" "$(port_pick)"
    java "${java_options[@]}" -cp "$jars/*" kafka.tools.StorageTool format \
        -t "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c1-22)" \
        -c "$folder/server.properties" "${format_options[@]}" >"$folder/format.log" 2>&1
    kafka_again "$folder" "$port"
}

kafka_main() { # the script's arguments
    local use
    use="use: $(basename "$0") start FOLDER | stop FOLDER | restart FOLDER"
    [ $# -eq 2 ] || die "$use"
    case "$1" in
    start) jars_fetch; service_try "$2" kafka_run ;;
    stop) service_stop "$2" ;;
    restart) service_again "$2" kafka_again ;;
    *) die "$use" ;;
    esac
}
