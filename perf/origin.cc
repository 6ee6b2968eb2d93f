// The origin behind every proxy of the comparison: answers each GET with 64 bytes and the headers
// a usual server sends, or with as many bytes as "GET /bytes/<count>" asks for. It costs a small
// and constant part of the core that it shares with the load generator.
//
//   origin LISTEN_PORT

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Client {
  std::string pending;         // the part of a request head that has come so far
  unsigned long long due = 0;  // bytes of a large body that are still to be sent
};

std::vector<Client> clients(65536);
std::array<char, 65536> room;
const std::string kBlock(1 << 18, 'x');
const std::string kReply =
    "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Fri, 20 Nov 2026 09:00:00 GMT\r\n"
    "Content-Type: text/plain\r\nContent-Length: 64\r\nConnection: keep-alive\r\n\r\n"
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";

void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void watch(int loop, int fd, uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(loop, operation, fd, &event) != 0) die("epoll_ctl");
}

void accept_one(int loop, int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
  if (fd < 0) return;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  clients[static_cast<size_t>(fd)] = {};
  watch(loop, fd, EPOLLIN, EPOLL_CTL_ADD);
}

// Sends on until the socket is full; EPOLLOUT then says when there is room again.
void pour(int loop, int fd, Client& client) {
  while (client.due > 0) {
    const size_t part = std::min<unsigned long long>(client.due, kBlock.size());
    const ssize_t sent = send(fd, kBlock.data(), part, MSG_NOSIGNAL);
    if (sent < 0) break;
    client.due -= static_cast<unsigned long long>(sent);
  }
  watch(loop, fd, client.due > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

void answer(int loop, int fd, Client& client, const std::string& head) {
  static const std::string kBytes = "GET /bytes/";
  if (head.compare(0, kBytes.size(), kBytes) != 0) {
    if (send(fd, kReply.data(), kReply.size(), MSG_NOSIGNAL) < 0) client.due = 0;
    return;
  }
  client.due = std::strtoull(head.c_str() + kBytes.size(), nullptr, 10);
  const std::string start =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(client.due) + "\r\n\r\n";
  if (send(fd, start.data(), start.size(), MSG_NOSIGNAL) < 0) client.due = 0;
  pour(loop, fd, client);
}

void serve(int loop, int fd) {
  Client& client = clients[static_cast<size_t>(fd)];
  const ssize_t got = recv(fd, room.data(), room.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    close(fd);
    return;
  }
  client.pending.append(room.data(), static_cast<size_t>(got));
  for (size_t end; (end = client.pending.find("\r\n\r\n")) != std::string::npos;) {
    const std::string head = client.pending.substr(0, end);
    client.pending.erase(0, end + 4);
    answer(loop, fd, client, head);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: origin LISTEN_PORT\n");
    return 1;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[1])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    die("bind");
  }
  if (listen(listener, 4096) != 0) die("listen");
  const int loop = epoll_create1(0);
  watch(loop, listener, EPOLLIN, EPOLL_CTL_ADD);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int ready = epoll_wait(loop, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      const int fd = event.data.fd;
      if (fd == listener) {
        accept_one(loop, listener);
      } else if ((event.events & EPOLLOUT) != 0) {
        pour(loop, fd, clients[static_cast<size_t>(fd)]);
      } else {
        serve(loop, fd);
      }
    }
  }
}
