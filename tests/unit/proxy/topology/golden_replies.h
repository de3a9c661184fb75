// What a cluster of four redis-server 7.0.15 (three primaries, one replica) answers, with each
// setting of cluster-preferred-endpoint-type; two of the nodes announce a hostname. Node ids and
// ports are replaced by readable ones of the same length or kind.
#pragma once

#include <string_view>

namespace keyway::proxy::topology::golden {

inline constexpr std::string_view kShardsIpResp2 =
    "*3\r\n*4\r\n$5\r\nslots\r\n*2\r\n:5461\r\n:10922\r\n$5\r\nnodes\r\n*1\r\n*16\r\n"
    "$2\r\nid\r\n$40\r\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n$4\r\nport\r\n"
    ":7002\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$9\r\n127.0.0.1\r\n$8\r\n"
    "hostname\r\n$6\r\nhost-2\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\n"
    "replication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n*4\r\n$5\r\nslots\r\n"
    "*2\r\n:10923\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n*14\r\n$2\r\nid\r\n$40\r\n"
    "cccccccccccccccccccccccccccccccccccccccc\r\n$4\r\nport\r\n:7003\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$9\r\n127.0.0.1\r\n$4\r\nrole\r\n$6\r\n"
    "master\r\n$18\r\nreplication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n*4\r\n"
    "$5\r\nslots\r\n*2\r\n:0\r\n:5460\r\n$5\r\nnodes\r\n*2\r\n*16\r\n$2\r\nid\r\n$40\r\n"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n$4\r\nport\r\n:7001\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$9\r\n127.0.0.1\r\n$8\r\nhostname\r\n$6\r\n"
    "host-1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\nreplication-offset\r\n:1288\r\n$6\r\n"
    "health\r\n$6\r\nonline\r\n*14\r\n$2\r\nid\r\n$40\r\n"
    "dddddddddddddddddddddddddddddddddddddddd\r\n$4\r\nport\r\n:7004\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$9\r\n127.0.0.1\r\n$4\r\nrole\r\n$7\r\n"
    "replica\r\n$18\r\nreplication-offset\r\n:1288\r\n$6\r\nhealth\r\n$6\r\nonline\r\n";

inline constexpr std::string_view kShardsIpResp3 =
    "*3\r\n%2\r\n$5\r\nslots\r\n*2\r\n:5461\r\n:10922\r\n$5\r\nnodes\r\n*1\r\n%8\r\n"
    "$2\r\nid\r\n$40\r\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n$4\r\nport\r\n"
    ":7002\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$9\r\n127.0.0.1\r\n$8\r\n"
    "hostname\r\n$6\r\nhost-2\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\n"
    "replication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n%2\r\n$5\r\nslots\r\n"
    "*2\r\n:10923\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n%7\r\n$2\r\nid\r\n$40\r\n"
    "cccccccccccccccccccccccccccccccccccccccc\r\n$4\r\nport\r\n:7003\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$9\r\n127.0.0.1\r\n$4\r\nrole\r\n$6\r\n"
    "master\r\n$18\r\nreplication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n%2\r\n"
    "$5\r\nslots\r\n*2\r\n:0\r\n:5460\r\n$5\r\nnodes\r\n*2\r\n%8\r\n$2\r\nid\r\n$40\r\n"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n$4\r\nport\r\n:7001\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$9\r\n127.0.0.1\r\n$8\r\nhostname\r\n$6\r\n"
    "host-1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\nreplication-offset\r\n:1288\r\n$6\r\n"
    "health\r\n$6\r\nonline\r\n%7\r\n$2\r\nid\r\n$40\r\n"
    "dddddddddddddddddddddddddddddddddddddddd\r\n$4\r\nport\r\n:7004\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$9\r\n127.0.0.1\r\n$4\r\nrole\r\n$7\r\n"
    "replica\r\n$18\r\nreplication-offset\r\n:1288\r\n$6\r\nhealth\r\n$6\r\nonline\r\n";

inline constexpr std::string_view kSlotsIpResp2 =
    "*3\r\n*4\r\n:0\r\n:5460\r\n*4\r\n$9\r\n127.0.0.1\r\n:7001\r\n$40\r\n"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n*2\r\n$8\r\nhostname\r\n$6\r\nhost-1\r\n"
    "*4\r\n$9\r\n127.0.0.1\r\n:7004\r\n$40\r\n"
    "dddddddddddddddddddddddddddddddddddddddd\r\n*0\r\n*3\r\n:5461\r\n:10922\r\n*4\r\n"
    "$9\r\n127.0.0.1\r\n:7002\r\n$40\r\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n"
    "*2\r\n$8\r\nhostname\r\n$6\r\nhost-2\r\n*3\r\n:10923\r\n:16383\r\n*4\r\n$9\r\n"
    "127.0.0.1\r\n:7003\r\n$40\r\ncccccccccccccccccccccccccccccccccccccccc\r\n*0\r\n";

inline constexpr std::string_view kSlotsIpResp3 =
    "*3\r\n*4\r\n:0\r\n:5460\r\n*4\r\n$9\r\n127.0.0.1\r\n:7001\r\n$40\r\n"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n%1\r\n$8\r\nhostname\r\n$6\r\nhost-1\r\n"
    "*4\r\n$9\r\n127.0.0.1\r\n:7004\r\n$40\r\n"
    "dddddddddddddddddddddddddddddddddddddddd\r\n%0\r\n*3\r\n:5461\r\n:10922\r\n*4\r\n"
    "$9\r\n127.0.0.1\r\n:7002\r\n$40\r\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n"
    "%1\r\n$8\r\nhostname\r\n$6\r\nhost-2\r\n*3\r\n:10923\r\n:16383\r\n*4\r\n$9\r\n"
    "127.0.0.1\r\n:7003\r\n$40\r\ncccccccccccccccccccccccccccccccccccccccc\r\n%0\r\n";

inline constexpr std::string_view kShardsHostnameResp2 =
    "*3\r\n*4\r\n$5\r\nslots\r\n*2\r\n:5461\r\n:10922\r\n$5\r\nnodes\r\n*1\r\n*16\r\n"
    "$2\r\nid\r\n$40\r\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n$4\r\nport\r\n"
    ":7002\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$6\r\nhost-2\r\n$8\r\n"
    "hostname\r\n$6\r\nhost-2\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\n"
    "replication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n*4\r\n$5\r\nslots\r\n"
    "*2\r\n:10923\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n*14\r\n$2\r\nid\r\n$40\r\n"
    "cccccccccccccccccccccccccccccccccccccccc\r\n$4\r\nport\r\n:7003\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$1\r\n?\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
    "$18\r\nreplication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n*4\r\n$5\r\n"
    "slots\r\n*2\r\n:0\r\n:5460\r\n$5\r\nnodes\r\n*2\r\n*16\r\n$2\r\nid\r\n$40\r\n"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n$4\r\nport\r\n:7001\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$6\r\nhost-1\r\n$8\r\nhostname\r\n$6\r\n"
    "host-1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\nreplication-offset\r\n:1288\r\n$6\r\n"
    "health\r\n$6\r\nonline\r\n*14\r\n$2\r\nid\r\n$40\r\n"
    "dddddddddddddddddddddddddddddddddddddddd\r\n$4\r\nport\r\n:7004\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$1\r\n?\r\n$4\r\nrole\r\n$7\r\nreplica\r\n"
    "$18\r\nreplication-offset\r\n:1288\r\n$6\r\nhealth\r\n$6\r\nonline\r\n";

inline constexpr std::string_view kSlotsHostnameResp3 =
    "*3\r\n*4\r\n:0\r\n:5460\r\n*4\r\n$6\r\nhost-1\r\n:7001\r\n$40\r\n"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n%1\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n"
    "*4\r\n$1\r\n?\r\n:7004\r\n$40\r\ndddddddddddddddddddddddddddddddddddddddd\r\n%1\r\n"
    "$2\r\nip\r\n$9\r\n127.0.0.1\r\n*3\r\n:5461\r\n:10922\r\n*4\r\n$6\r\nhost-2\r\n"
    ":7002\r\n$40\r\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n%1\r\n$2\r\nip\r\n$9\r\n"
    "127.0.0.1\r\n*3\r\n:10923\r\n:16383\r\n*4\r\n$1\r\n?\r\n:7003\r\n$40\r\n"
    "cccccccccccccccccccccccccccccccccccccccc\r\n%1\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n";

inline constexpr std::string_view kShardsUnknownResp2 =
    "*3\r\n*4\r\n$5\r\nslots\r\n*2\r\n:5461\r\n:10922\r\n$5\r\nnodes\r\n*1\r\n*16\r\n"
    "$2\r\nid\r\n$40\r\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n$4\r\nport\r\n"
    ":7002\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$0\r\n\r\n$8\r\n"
    "hostname\r\n$6\r\nhost-2\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\n"
    "replication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n*4\r\n$5\r\nslots\r\n"
    "*2\r\n:10923\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n*14\r\n$2\r\nid\r\n$40\r\n"
    "cccccccccccccccccccccccccccccccccccccccc\r\n$4\r\nport\r\n:7003\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$0\r\n\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\n"
    "replication-offset\r\n:0\r\n$6\r\nhealth\r\n$6\r\nonline\r\n*4\r\n$5\r\nslots\r\n"
    "*2\r\n:0\r\n:5460\r\n$5\r\nnodes\r\n*2\r\n*16\r\n$2\r\nid\r\n$40\r\n"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n$4\r\nport\r\n:7001\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$0\r\n\r\n$8\r\nhostname\r\n$6\r\nhost-1\r\n"
    "$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\nreplication-offset\r\n:1288\r\n$6\r\nhealth\r\n"
    "$6\r\nonline\r\n*14\r\n$2\r\nid\r\n$40\r\n"
    "dddddddddddddddddddddddddddddddddddddddd\r\n$4\r\nport\r\n:7004\r\n$2\r\nip\r\n"
    "$9\r\n127.0.0.1\r\n$8\r\nendpoint\r\n$0\r\n\r\n$4\r\nrole\r\n$7\r\nreplica\r\n"
    "$18\r\nreplication-offset\r\n:1288\r\n$6\r\nhealth\r\n$6\r\nonline\r\n";

inline constexpr std::string_view kSlotsUnknownResp3 =
    "*3\r\n*4\r\n:0\r\n:5460\r\n*4\r\n_\r\n:7001\r\n$40\r\n"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n%2\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n"
    "$8\r\nhostname\r\n$6\r\nhost-1\r\n*4\r\n_\r\n:7004\r\n$40\r\n"
    "dddddddddddddddddddddddddddddddddddddddd\r\n%1\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n"
    "*3\r\n:5461\r\n:10922\r\n*4\r\n_\r\n:7002\r\n$40\r\n"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n%2\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n"
    "$8\r\nhostname\r\n$6\r\nhost-2\r\n*3\r\n:10923\r\n:16383\r\n*4\r\n_\r\n:7003\r\n"
    "$40\r\ncccccccccccccccccccccccccccccccccccccccc\r\n%1\r\n$2\r\nip\r\n$9\r\n"
    "127.0.0.1\r\n";

}  // namespace keyway::proxy::topology::golden
