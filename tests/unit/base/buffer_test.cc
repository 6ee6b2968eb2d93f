#include "sidecar/base/buffer.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "sidecar/base/hash.h"

namespace pillion {
namespace {

// All bytes as peek() shows them.
std::string peeked(const Buffer& buffer) {
  std::array<iovec, 64> pieces;
  std::string out;
  std::size_t n = buffer.peek(pieces.data(), pieces.size());
  for (std::size_t i = 0; i < n; ++i)
    out.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return out;
}

std::size_t blocks(const Buffer& buffer) {
  std::array<iovec, 4096> pieces;
  return buffer.peek(pieces.data(), pieces.size());
}

TEST(Buffer, HoldsNothingAtFirst) {
  Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.front(), "");
  iovec piece;
  EXPECT_EQ(buffer.peek(&piece, 1), 0u);
  buffer.drain(0);
  buffer.append("");
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, GivesBackWhatWasAppended) {
  Buffer buffer;
  std::string all;
  for (int i = 0; i < 5000; ++i) {
    std::string piece = std::to_string(i) + ",";
    buffer.append(piece);
    all += piece;
  }
  EXPECT_EQ(buffer.size(), all.size());
  EXPECT_EQ(buffer.to_string(), all);
  EXPECT_EQ(peeked(buffer), all);
}

TEST(Buffer, DrainsAcrossBlocks) {
  Buffer buffer;
  std::string all(100'000, ' ');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>('a' + i % 26);
  buffer.append(all);
  for (std::size_t step : {1u, 16'000u, 16'384u, 40'000u}) {
    buffer.drain(step);
    all.erase(0, step);
    ASSERT_EQ(buffer.to_string(), all);
    ASSERT_EQ(buffer.front(), all.substr(0, buffer.front().size()));
  }
  buffer.drain(buffer.size());
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.front(), "");
}

TEST(Buffer, PeeksNoMoreThanAskedFor) {
  Buffer buffer;
  buffer.append(std::string(5 * Buffer::kBlockSize, 'x'));
  std::array<iovec, 2> pieces;
  EXPECT_EQ(buffer.peek(pieces.data(), 2), 2u);
  EXPECT_EQ(buffer.peek(pieces.data(), 0), 0u);
}

TEST(Buffer, MovesBlocksWithoutCopying) {
  Buffer from;
  from.append(std::string(10'000, 'x'));
  const char* bytes = from.front().data();
  Buffer to;
  to.append(std::move(from));
  EXPECT_EQ(to.front().data(), bytes);
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): empty, and usable again
  from.append("again");
  EXPECT_EQ(from.to_string(), "again");
  Buffer head;
  head.append("head");
  head.append(std::move(to));
  EXPECT_EQ(head.to_string(), "head" + std::string(10'000, 'x'));
}

TEST(Buffer, TakesEmptyBuffers) {
  Buffer some;
  some.append("some");
  some.append(Buffer());
  EXPECT_EQ(some.to_string(), "some");
  Buffer reserved;
  reserved.reserve(10);
  some.append(std::move(reserved));
  EXPECT_EQ(some.to_string(), "some");
}

TEST(Buffer, DoesNotHoldABlockForEachCrumb) {
  Buffer all;
  std::string expected;
  for (int i = 0; i < 4000; ++i) {
    Buffer crumb;
    crumb.append("0123456789");
    all.append(std::move(crumb));
    expected += "0123456789";
  }
  EXPECT_EQ(all.to_string(), expected);
  EXPECT_LE(blocks(all), 4u);  // a small one and three of 16 KiB
}

TEST(Buffer, MovesOntoAnother) {
  Buffer a;
  a.append("old");
  Buffer b;
  b.append("new");
  a = std::move(b);
  EXPECT_EQ(a.to_string(), "new");
  Buffer& same = a;
  a = std::move(same);
  EXPECT_EQ(a.to_string(), "new");
  Buffer c(std::move(a));
  EXPECT_EQ(c.to_string(), "new");
}

TEST(Buffer, ReservesContiguousRoom) {
  Buffer buffer;
  buffer.append(std::string(100, 'a'));
  char* room = buffer.reserve(Buffer::kMaxReserve);
  std::memset(room, 'b', Buffer::kMaxReserve);
  buffer.commit(Buffer::kMaxReserve);
  EXPECT_EQ(buffer.to_string(), std::string(100, 'a') + std::string(Buffer::kMaxReserve, 'b'));
  std::memcpy(buffer.reserve(3), "end", 3);
  buffer.commit(3);
  EXPECT_TRUE(buffer.to_string().ends_with("bend"));
}

TEST(Buffer, FrontHasBytesAfterSmallRoomThatWasNotUsed) {
  Buffer buffer;
  buffer.reserve(2);
  std::memcpy(buffer.reserve(8000), "large", 5);
  buffer.commit(5);
  EXPECT_EQ(buffer.front(), "large");
}

TEST(Buffer, FrontHasBytesAfterRoomThatWasNotUsed) {
  Buffer buffer;
  buffer.append(std::string(10'000, 'a'));
  buffer.reserve(Buffer::kMaxReserve);  // opens a block, into which nothing is written
  Buffer more;
  more.append(std::string(9'000, 'b'));
  buffer.append(std::move(more));
  buffer.drain(10'000);
  EXPECT_EQ(buffer.size(), 9'000u);
  EXPECT_EQ(buffer.front().substr(0, 3), "bbb");
}

TEST(BufferDeathTest, RefusesToDrainMoreThanItHolds) {
  Buffer buffer;
  buffer.append("abc");
  EXPECT_DEATH(buffer.drain(4), "invariant");
}

TEST(Buffer, AgreesWithAStringOnRandomWork) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Buffer buffer;
    std::string model;
    for (int step = 0; step < 400; ++step) {
      std::string bytes(random.below(random.below(2) == 0 ? 64 : 40'000), '\0');
      for (char& c : bytes) c = static_cast<char>('a' + random.below(26));
      switch (random.below(5)) {
        case 0:
          buffer.append(bytes);
          model += bytes;
          break;
        case 1: {
          Buffer other;
          other.append(bytes);
          buffer.append(std::move(other));
          model += bytes;
          break;
        }
        case 2: {
          bytes.resize(std::min(bytes.size(), Buffer::kMaxReserve));
          char* room = buffer.reserve(bytes.size());
          std::size_t used = random.below(bytes.size() + 1);
          std::memcpy(room, bytes.data(), used);
          buffer.commit(used);
          model.append(bytes, 0, used);
          break;
        }
        case 3: {
          std::size_t size = random.below(model.size() + 1);
          buffer.drain(size);
          model.erase(0, size);
          break;
        }
        default: {
          Buffer moved(std::move(buffer));
          buffer = std::move(moved);
        }
      }
      ASSERT_EQ(buffer.size(), model.size());
      ASSERT_EQ(buffer.empty(), model.empty());
      ASSERT_EQ(buffer.front().empty(), model.empty());
      if (step % 10 == 0) {
        ASSERT_EQ(buffer.to_string(), model);
      }
    }
  }
}

}  // namespace
}  // namespace pillion
