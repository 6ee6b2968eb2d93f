#include "sidecar/io/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "sidecar/io/poll.h"

namespace pillion::io {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

// Calls a function at its end, once for each time it was asked.
struct AtEnd final : IterationEnd {
  explicit AtEnd(Function<void()> f) : run(std::move(f)) {}
  void at_iteration_end() override { run(); }
  Function<void()> run;
};

struct Doomed : Disposable {
  explicit Doomed(Function<void()> f) : last(std::move(f)) {}
  ~Doomed() override { last(); }
  Function<void()> last;
};

class LoopTest : public ::testing::Test {
 protected:
  ManualClock clock_;
  EventLoop loop_{&clock_};
  std::vector<std::string> log_;
  Function<void()> note(std::string what) {
    return [this, what] { log_.push_back(what); };
  }
};

TEST_F(LoopTest, RunsPostedWorkInOrder) {
  loop_.post(note("a"));
  loop_.post([this] {
    log_.push_back("b");
    loop_.post(note("d"));
  });
  loop_.post(note("c"));
  loop_.run_once();
  loop_.run_once();
  EXPECT_THAT(log_, ElementsAre("a", "b", "c", "d"));
}

// A regression: it counted from when the wheel was last looked at, and fired at once after a pause.
TEST_F(LoopTest, ATimerCountsFromTheMomentItIsArmed) {
  int fired = 0;
  Timer timer(
      loop_.timers(), [](void* count) { ++*static_cast<int*>(count); }, &fired);
  loop_.run_once();
  loop_.post([&] {
    clock_.advance(seconds(5));  // the loop has slept that long before this work came
    timer.arm(seconds(1));
  });
  loop_.run_once();
  clock_.advance(milliseconds(900));
  loop_.run_once();
  EXPECT_EQ(fired, 0);
  clock_.advance(milliseconds(200));
  loop_.run_once();
  EXPECT_EQ(fired, 1);
}

TEST_F(LoopTest, WakesForWorkPostedByAnotherThread) {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::array<int, kThreads> next{};
  int total = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i)
        loop_.post([&, t, i] {
          // What one thread posts keeps its order.
          EXPECT_EQ(next[static_cast<std::size_t>(t)]++, i);
          if (++total == kThreads * kEach) loop_.stop();
        });
    });
  }
  loop_.run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(total, kThreads * kEach);
}

TEST_F(LoopTest, DestroysWorkThatNeverRan) {
  auto token = std::make_shared<int>(1);
  {
    EventLoop other;
    other.post([token] {});
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST_F(LoopTest, RunsEndsOfAnIterationOnceAfterItsWork) {
  AtEnd end(note("end"));
  loop_.post([&] {
    loop_.at_end(end);
    loop_.at_end(end);
    log_.push_back("work");
  });
  loop_.run_once();
  EXPECT_THAT(log_, ElementsAre("work", "end"));
  loop_.run_once();
  EXPECT_EQ(log_.size(), 2u);
}

TEST_F(LoopTest, RunsAnEndThatAnEndAsksFor) {
  AtEnd second(note("second"));
  AtEnd first([&] {
    log_.push_back("first");
    loop_.at_end(second);
  });
  loop_.at_end(first);
  loop_.run_once();
  EXPECT_THAT(log_, ElementsAre("first", "second"));
}

TEST_F(LoopTest, ForgetsAnEndThatIsDestroyed) {
  {
    AtEnd end(note("never"));
    loop_.at_end(end);
  }
  loop_.run_once();
  EXPECT_TRUE(log_.empty());
}

TEST_F(LoopTest, DeletesLaterThanTheCallbackThatAsked) {
  AtEnd end(note("end"));
  loop_.post([&] {
    loop_.at_end(end);
    loop_.delete_later(std::make_unique<Doomed>(note("deleted")));
    log_.push_back("work");
  });
  loop_.run_once();
  EXPECT_THAT(log_, ElementsAre("work", "end", "deleted"));
}

TEST_F(LoopTest, DeletesWhatADestructorDooms) {
  loop_.delete_later(std::make_unique<Doomed>([this] {
    log_.push_back("outer");
    loop_.delete_later(std::make_unique<Doomed>(note("inner")));
  }));
  loop_.run_once();
  EXPECT_THAT(log_, ElementsAre("outer", "inner"));
}

TEST_F(LoopTest, RunsTheEndThatADestructorAsksFor) {
  AtEnd end(note("flushed"));
  loop_.delete_later(std::make_unique<Doomed>([&] {
    log_.push_back("deleted");
    loop_.at_end(end);
  }));
  loop_.run_once();
  EXPECT_THAT(log_, ElementsAre("deleted", "flushed"));
}

TEST_F(LoopTest, DeletesWhatIsLeftWhenItIsDestroyed) {
  {
    EventLoop other;
    other.delete_later(std::make_unique<Doomed>(note("deleted")));
  }
  EXPECT_THAT(log_, ElementsAre("deleted"));
}

struct Clocked {
  explicit Clocked(EventLoop& loop) : timer(Timer::of<&Clocked::fire>(loop.timers(), *this)) {}
  void fire() {
    ++fired;
    if (then) then();
  }
  Timer timer;
  int fired = 0;
  Function<void()> then;
};

TEST_F(LoopTest, FiresTimersByTheManualClock) {
  Clocked timer(loop_);
  loop_.timers();
  timer.timer.arm(seconds(10));
  loop_.run_once();
  EXPECT_EQ(timer.fired, 0);
  clock_.advance(seconds(10));
  loop_.run_once();
  EXPECT_EQ(timer.fired, 1);
}

TEST_F(LoopTest, KeepsOneTimeThroughAnIteration) {
  Time before = loop_.now();
  clock_.advance(seconds(1));
  EXPECT_EQ(loop_.now(), before);
  EXPECT_EQ(loop_.exact_now(), before + seconds(1));
  loop_.run_once();
  EXPECT_EQ(loop_.now(), before + seconds(1));
}

TEST(EventLoop, FiresTimersByTheRealClock) {
  EventLoop loop;
  Clocked timer(loop);
  timer.then = [&loop] { loop.stop(); };
  Time begin = std::chrono::steady_clock::now();
  timer.timer.arm(milliseconds(3));
  loop.run();
  EXPECT_EQ(timer.fired, 1);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(3));
}

TEST(EventLoop, WakesForATimerThatIsSoonerThanTheOneItWaitsFor) {
  EventLoop loop;
  Clocked late(loop);
  Clocked soon(loop);
  late.timer.arm(seconds(100));
  soon.then = [&loop] { loop.stop(); };
  loop.post([&soon, &loop] {
    loop.timers();
    soon.timer.arm(milliseconds(1));
  });
  loop.run();
  EXPECT_EQ(soon.fired, 1);
}

TEST(EventLoop, RunsAgainAfterStop) {
  EventLoop loop;
  int runs = 0;
  for (int i = 0; i < 3; ++i) {
    loop.post([&] {
      ++runs;
      loop.stop();
    });
    loop.run();
  }
  EXPECT_EQ(runs, 3);
}

// A connected pair of sockets that do not block.
class Pair {
 public:
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_.data()), 0); }
  ~Pair() {
    close_mine();
    close_theirs();
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  [[nodiscard]] int mine() const { return fds_[0]; }
  void say(const std::string& text) const {
    EXPECT_EQ(write(fds_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void close_mine() { close_one(fds_[0]); }
  void close_theirs() { close_one(fds_[1]); }

 private:
  static void close_one(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  std::array<int, 2> fds_{};
};

struct Watcher final : PollEvents {
  Watcher(EventLoop& loop, int fd) : poll(std::make_unique<Poll>(loop, fd, *this)) {}
  void on_ready(unsigned ready) override {
    ++calls;
    last = ready;
    if (then) then();
  }
  std::unique_ptr<Poll> poll;
  int calls = 0;
  unsigned last = 0;
  Function<void()> then;
};

TEST_F(LoopTest, TellsOfReadinessUntilItIsUsedUp) {
  Pair pair;
  Watcher watcher(loop_, pair.mine());
  watcher.poll->watch(kReadable);
  loop_.run_once();
  EXPECT_EQ(watcher.calls, 0);
  pair.say("x");
  loop_.run_once();
  loop_.run_once();
  EXPECT_EQ(watcher.calls, 2);
  EXPECT_EQ(watcher.last, kReadable);
  char byte;
  EXPECT_EQ(read(pair.mine(), &byte, 1), 1);
  loop_.run_once();
  EXPECT_EQ(watcher.calls, 2);
}

TEST_F(LoopTest, TellsOnlyOfWhatIsWatched) {
  Pair pair;
  pair.say("x");
  Watcher watcher(loop_, pair.mine());
  loop_.run_once();
  EXPECT_EQ(watcher.calls, 0);
  watcher.poll->watch(kWritable);
  loop_.run_once();
  EXPECT_EQ(watcher.last, kWritable);
  watcher.poll->watch(kReadable | kWritable);
  loop_.run_once();
  EXPECT_EQ(watcher.last, kReadable | kWritable);
  int calls = watcher.calls;
  watcher.poll->watch(0);
  loop_.run_once();
  EXPECT_EQ(watcher.calls, calls);
}

TEST_F(LoopTest, TellsOfThePeersClose) {
  Pair pair;
  Watcher watcher(loop_, pair.mine());
  watcher.poll->watch(kHangup);
  pair.close_theirs();
  loop_.run_once();
  EXPECT_NE(watcher.last & kHangup, 0u);
}

TEST_F(LoopTest, LetsAPollBeDestroyedInItsCallback) {
  Pair pair;
  auto watcher = std::make_unique<Watcher>(loop_, pair.mine());
  watcher->poll->watch(kReadable);
  watcher->then = [&] { watcher->poll.reset(); };
  pair.say("x");
  loop_.run_once();
  loop_.run_once();
  EXPECT_EQ(watcher->calls, 1);
}

TEST_F(LoopTest, LetsOneCallbackDestroyAnothersPoll) {
  Pair one;
  Pair two;
  Watcher a(loop_, one.mine());
  Watcher b(loop_, two.mine());
  a.then = [&] { b.poll.reset(); };
  b.then = [&] { a.poll.reset(); };
  a.poll->watch(kReadable);
  b.poll->watch(kReadable);
  one.say("x");
  two.say("x");
  loop_.run_once();
  EXPECT_EQ(a.calls + b.calls, 1);
}

TEST_F(LoopTest, WatchesANewDescriptorOfAnOldNumber) {
  int old_fd;
  {
    Pair pair;
    old_fd = pair.mine();
    Watcher watcher(loop_, old_fd);
    watcher.poll->watch(kReadable);
    loop_.run_once();
    watcher.poll.reset();
  }
  Pair pair;
  ASSERT_EQ(pair.mine(), old_fd);
  Watcher watcher(loop_, pair.mine());
  watcher.poll->watch(kReadable);
  pair.say("x");
  loop_.run_once();
  EXPECT_EQ(watcher.calls, 1);
}

// A timer that is always due, whose work takes longer than its delay, must not keep the loop from
// its descriptors.
TEST(EventLoop, ServesDescriptorsBesideATimerThatIsAlwaysDue) {
  EventLoop loop;
  Pair pair;
  Watcher watcher(loop, pair.mine());
  watcher.poll->watch(kReadable);
  pair.say("x");
  Clocked busy(loop);
  busy.then = [&] {
    Time until = std::chrono::steady_clock::now() + milliseconds(2);
    while (std::chrono::steady_clock::now() < until) {
    }
    loop.timers();
    if (busy.fired < 200) busy.timer.arm(milliseconds(1));
  };
  busy.timer.arm(milliseconds(1));
  for (int i = 0; i < 10 && watcher.calls == 0; ++i) loop.run_once();
  EXPECT_GT(watcher.calls, 0);
  EXPECT_LT(busy.fired, 50);
}

}  // namespace
}  // namespace pillion::io
