#include "shard/server/info.h"

#include <gtest/gtest.h>

#include "shard/config/shard_config.h"
#include "shard/server/process_title.h"

namespace keyway::shard {
namespace {

TEST(HumanBytes, PicksAUnit) {
  EXPECT_EQ(info::HumanBytes(0), "0B");
  EXPECT_EQ(info::HumanBytes(1023), "1023B");
  EXPECT_EQ(info::HumanBytes(1024), "1.00K");
  EXPECT_EQ(info::HumanBytes(1536), "1.50K");
  EXPECT_EQ(info::HumanBytes(50 << 20), "50.00M");
  EXPECT_EQ(info::HumanBytes(25276514304), "23.54G");
  EXPECT_EQ(info::HumanBytes(uint64_t{3} << 40), "3.00T");
  EXPECT_EQ(info::HumanBytes(UINT64_MAX), "16384.00P");
}

TEST(Lines, AreSectionsOfNamesAndValues) {
  info::Lines lines;
  lines.Section("One");
  lines.Number("a", -1);
  lines.Format("b", "%.2f", 1.5);
  lines.Section("Two");
  lines.Memory("m", 2048);
  lines.Zeros({"x", "y"});
  EXPECT_EQ(lines.Take(),
            "# One\r\na:-1\r\nb:1.50\r\n\r\n# Two\r\nm:2048\r\nm_human:2.00K\r\nx:0\r\ny:0\r\n");
}

TEST(ProcessTitle, FillsTheTemplate) {
  ShardConfig config;
  config.port = 7001;
  EXPECT_EQ(ProcessTitle(config, "keyway-shard", ""), "keyway-shard *:7001");
  config.bind = {"-::1", "127.0.0.1"};
  config.cluster_enabled = true;
  EXPECT_EQ(ProcessTitle(config, "keyway-shard", ""), "keyway-shard ::1:7001 [cluster]");
  config.port = 0;
  config.unixsocket = "/tmp/s";
  config.proc_title_template =
      "{config-file}|{unixsocket}|{port}|{tls-port}|{nothing}|{listen-addr}";
  EXPECT_EQ(ProcessTitle(config, "keyway-shard", "/a.conf"), "/a.conf|/tmp/s|0|0|{nothing}|/tmp/s");
}

}  // namespace
}  // namespace keyway::shard
