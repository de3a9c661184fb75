#include "common/base/process.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace keyway {
namespace {

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() {
    char name[] = "/tmp/keyway-process-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~ProcessTest() override {
    std::string command = "rm -rf " + folder_;
    EXPECT_EQ(std::system(command.c_str()), 0);
  }

  // Runs `body` in a child; returns its exit code.
  template <typename Body>
  static int InChild(Body body) {
    pid_t child = fork();
    if (child == 0) _exit(body());
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string folder_;
};

TEST_F(ProcessTest, PidFile) {
  std::string path = folder_ + "/pid";
  {
    PidFile file;
    ASSERT_TRUE(file.Write(path).ok());
    EXPECT_EQ(Read(path), std::to_string(getpid()) + "\n");
    // A child that ends must not remove its parent's file.
    InChild([&file] {
      file.Remove();
      return 0;
    });
    EXPECT_EQ(access(path.c_str(), F_OK), 0);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  PidFile file;
  EXPECT_EQ(file.Write(folder_ + "/nowhere/pid").error().message,
            "Failed to write PID file: No such file or directory");
}

TEST_F(ProcessTest, APidFileThatASuccessorHasWritten) {
  const std::string path = folder_ + "/pid";
  EXPECT_EQ(ReadPidFile(path), 0);
  {
    PidFile file;
    ASSERT_TRUE(file.Write(path).ok());
    EXPECT_EQ(ReadPidFile(path), getpid());
    std::ofstream(path) << getpid() + 1 << "\n";
  }
  EXPECT_EQ(ReadPidFile(path), getpid() + 1);
  for (const char* text : {"", "no number", "-5"}) {
    std::ofstream(path) << text;
    EXPECT_EQ(ReadPidFile(path), 0) << text;
  }
}

TEST_F(ProcessTest, DaemonizeLeavesTheTerminal) {
  std::string path = folder_ + "/daemon";
  int code = InChild([&path] {
    pid_t before = getpid();
    if (!Daemonize().ok()) return 1;
    char out[64];
    ssize_t length = readlink("/proc/self/fd/1", out, sizeof(out) - 1);
    if (length < 0) return 1;
    out[length] = '\0';
    std::ofstream(path + ".tmp") << (getpid() != before) << (getsid(0) == getpid()) << out;
    rename((path + ".tmp").c_str(), path.c_str());
    return 0;
  });
  EXPECT_EQ(code, 0);
  for (int i = 0; i < 1000 && access(path.c_str(), F_OK) != 0; ++i) usleep(10000);
  EXPECT_EQ(Read(path), "11/dev/null");
}

TEST_F(ProcessTest, FileLimit) {
  EXPECT_EQ(InChild([] {
              rlimit limit{64, 1024};
              if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
              auto raised = RaiseFileLimit(500);
              if (!raised.ok() || raised->max_clients != 500) return 2;
              bool said = raised->notices == std::vector<std::string>{
                                                 "Increased maximum number of open files to 532 "
                                                 "(it was originally set to 64)."};
              if (!said) return 3;
              raised = RaiseFileLimit(100);
              return raised.ok() && raised->notices.empty() && raised->warnings.empty() ? 0 : 4;
            }),
            0);
}

TEST_F(ProcessTest, FileLimitThatCannotBeRaised) {
  if (geteuid() == 0) {
    // Root may raise the hard limit too, up to the kernel's own.
    EXPECT_EQ(InChild([] {
                auto raised = RaiseFileLimit(int64_t{1} << 40);
                if (!raised.ok() || raised->max_clients >= int64_t{1} << 40) return 1;
                return raised->warnings.size() == 3 ? 0 : 2;
              }),
              0);
    return;
  }
  EXPECT_EQ(InChild([] {
              rlimit limit{64, 100};
              if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
              auto raised = RaiseFileLimit(500);
              if (!raised.ok() || raised->warnings.size() != 3) return 2;
              return raised->max_clients > 32 && raised->max_clients <= 68 ? 0 : 3;
            }),
            0);
}

TEST_F(ProcessTest, NotifiesSystemd) {
  std::string path = folder_ + "/notify";
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path, path.c_str());
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_FALSE(NotifySupervisor(Supervisor::kSystemd, "READY=1\n").ok());
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  EXPECT_EQ(DetectSupervisor(), Supervisor::kSystemd);
  EXPECT_TRUE(NotifySupervisor(Supervisor::kSystemd, "READY=1\n").ok());
  char text[64];
  EXPECT_EQ(recv(fd, text, sizeof(text), 0), 8);
  setenv("NOTIFY_SOCKET", (path + "2").c_str(), 1);
  EXPECT_FALSE(NotifySupervisor(Supervisor::kSystemd, "READY=1\n").ok());
  unsetenv("NOTIFY_SOCKET");
  EXPECT_EQ(DetectSupervisor(), Supervisor::kNone);
  EXPECT_TRUE(NotifySupervisor(Supervisor::kNone, "").ok());
  close(fd);
}

}  // namespace
}  // namespace keyway
