#include "sidecar/io/signal.h"

#include <gtest/gtest.h>

#include <csignal>
#include <memory>

#include "sidecar/io/loop.h"

namespace pillion::io {
namespace {

TEST(SignalWatcher, CallsOnTheLoopForEachSignal) {
  EventLoop loop;
  int terminated = 0;
  int hung_up = 0;
  SignalWatcher term(loop, SIGTERM, [&] { ++terminated; });
  SignalWatcher hangup(loop, SIGHUP, [&] { ++hung_up; });
  std::raise(SIGTERM);
  EXPECT_EQ(terminated, 0) << "the callback ran outside of the loop";
  for (int i = 0; i < 100 && terminated == 0; ++i) loop.run_once();
  EXPECT_EQ(terminated, 1);
  EXPECT_EQ(hung_up, 0);
}

TEST(SignalWatcher, CallbackMayDestroyItsWatcher) {
  EventLoop loop;
  int calls = 0;
  std::unique_ptr<SignalWatcher> watcher;
  watcher = std::make_unique<SignalWatcher>(loop, SIGUSR2, [&] { ++calls; });
  // The default action of a signal nobody watches would end this process.
  SignalWatcher other(loop, SIGUSR2, [&] { watcher.reset(); });
  std::raise(SIGUSR2);
  for (int i = 0; i < 100 && watcher != nullptr; ++i) loop.run_once();
  std::raise(SIGUSR2);
  for (int i = 0; i < 100; ++i) loop.run_once();
  EXPECT_LE(calls, 1);
  EXPECT_EQ(watcher, nullptr);
}

}  // namespace
}  // namespace pillion::io
