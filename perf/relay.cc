// The floor of every comparison: a single-threaded epoll loop that copies bytes between each client
// and a connection of its own to the origin, and knows nothing of what they mean. No proxy that
// makes the same system calls can cost less; what one costs above this is its own work.
//
//   relay LISTEN_PORT ORIGIN_PORT

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

// The other end of each descriptor, -1 for none; indexed by descriptor.
std::vector<int> peers(65536, -1);
std::array<char, 65536> buffer;

void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void watch(int loop, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

void drop(int fd) {
  const int peer = peers[static_cast<size_t>(fd)];
  peers[static_cast<size_t>(fd)] = -1;
  close(fd);
  if (peer >= 0) {
    peers[static_cast<size_t>(peer)] = -1;
    close(peer);
  }
}

void accept_one(int loop, int listener, const sockaddr_in& origin) {
  const int client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
  if (client < 0) return;
  const int upstream = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(upstream, reinterpret_cast<const sockaddr*>(&origin), sizeof(origin)) != 0) {
    die("connect");
  }
  set_no_delay(client);
  set_no_delay(upstream);
  peers[static_cast<size_t>(client)] = upstream;
  peers[static_cast<size_t>(upstream)] = client;
  watch(loop, client);
  watch(loop, upstream);
}

// A message of this benchmark fits into any socket buffer, so a short write ends the connection
// instead of being queued: the relay stays free of all that is not copying.
void copy(int fd) {
  const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const int peer = peers[static_cast<size_t>(fd)];
  if (got <= 0 || peer < 0 ||
      send(peer, buffer.data(), static_cast<size_t>(got), MSG_NOSIGNAL) != got) {
    drop(fd);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: relay LISTEN_PORT ORIGIN_PORT\n");
    return 1;
  }
  const sockaddr_in address = loopback(argv[1]);
  const sockaddr_in origin = loopback(argv[2]);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    die("bind");
  }
  if (listen(listener, 4096) != 0) die("listen");
  const int loop = epoll_create1(0);
  watch(loop, listener);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int ready = epoll_wait(loop, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == listener) {
        accept_one(loop, listener, origin);
      } else if (peers[static_cast<size_t>(fd)] >= 0) {
        copy(fd);
      }
    }
  }
}
