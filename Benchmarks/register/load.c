// A load generator for SIP registrars over UDP: open loop at a rate, or closed loop with a window. SIPp has one thread, no
// SHA-256 and takes more CPU a request than the servers do; this takes 3 to 5 us. Compiled by Benchmarks/register.sh.
//
//   load target=HOST:PORT [target=...] mode=fill|mix|message [users=N] [first=N] [new=SHARE] [rate=N] [seconds=S] [window=N]
//        [domain=example.com] [password=SECRET] [retransmit=0|1] [contact=HOST:PORT] [sockets=4] [to-server=0|1]
//
// fill     a REGISTER for each of the users, as fast as the window lets it.
// mix      REGISTERs: a share of new users, the others refresh one of `users`. rate=0: closed loop. A user has the same
//          Contact in every run, whichever socket it leaves by: `contact`, or one that nobody listens at.
// message  MESSAGEs to random ones of `users`; the callee listens at `contact`, which the users were filled with.
// Prints one JSON object.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ring = 1 << 20, batch = 32, most = 2048, sockets_most = 16, targets_most = 8, nonce_bytes = 120 };
enum { idle = 0, waiting = 1 };

struct call {
  uint64_t sent, first;
  uint32_t number, user, cseq, nc;
  uint8_t state, tries, socket, target;
};
struct link { uint32_t number; uint64_t due; };
struct queue { struct link *links; uint32_t head, tail; };

static struct call *calls;
static struct queue timers[4];
static const uint64_t intervals[4] = {500000000, 1000000000, 2000000000, 4000000000};
static uint32_t *cseqs, *counts;
static uint8_t *busy;
static char (*nonces)[nonce_bytes];
static uint8_t (*secrets)[33];
static uint32_t *latencies;
static uint64_t samples, samples_most;
static uint64_t sent, retransmitted, answered, lost, strays, delivered, by_status[700], challenged;
static int fds[sockets_most], callee = -1, socket_count = 4, target_count;
static struct sockaddr_in targets[targets_most], locals[sockets_most];
static const char *domain = "example.com", *password, *mode = "fill", *contact;
static char realm_uri[128];
static uint64_t users = 1000, first_user, window = 256, rate, limit_users;
static double new_share, seconds = 10;
static int retransmit = 1;
static uint32_t next_number = 1, outstanding, next_new, next_fill;
static uint64_t state = 88172645463325252ull;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t chance(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

// MARK: MD5 (RFC 1321)

static const uint32_t sines[64] = {
  0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af,
  0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa,
  0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
  0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
  0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97,
  0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
  0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
static const uint8_t shifts[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};

static void md5_hex(const char *text, size_t length, uint8_t out[33]) {
  uint32_t h[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  uint8_t last[128] = {0};
  size_t whole = length / 64 * 64, rest = length - whole, padded = rest < 56 ? 64 : 128;
  memcpy(last, text + whole, rest);
  last[rest] = 0x80;
  uint64_t bits = (uint64_t)length * 8;
  memcpy(last + padded - 8, &bits, 8);
  for (size_t at = 0; at < whole + padded; at += 64) {
    const uint8_t *block = at < whole ? (const uint8_t *)text + at : last + (at - whole);
    uint32_t w[16], a = h[0], b = h[1], c = h[2], d = h[3];
    memcpy(w, block, 64);
    for (int i = 0; i < 64; i++) {
      uint32_t f;
      int g;
      if (i < 16) { f = (b & c) | (~b & d); g = i; }
      else if (i < 32) { f = (d & b) | (~d & c); g = (5 * i + 1) & 15; }
      else if (i < 48) { f = b ^ c ^ d; g = (3 * i + 5) & 15; }
      else { f = c ^ (b | ~d); g = (7 * i) & 15; }
      uint32_t sum = a + f + sines[i] + w[g];
      int shift = shifts[(i / 16) * 4 + (i & 3)];
      a = d; d = c; c = b;
      b += sum << shift | sum >> (32 - shift);
    }
    h[0] += a; h[1] += b; h[2] += c; h[3] += d;
  }
  for (int i = 0; i < 16; i++) {
    uint8_t byte = ((uint8_t *)h)[i];
    out[2 * i] = "0123456789abcdef"[byte >> 4];
    out[2 * i + 1] = "0123456789abcdef"[byte & 15];
  }
  out[32] = 0;
}

// MARK: Requests

static int authorization(char *out, const struct call *call, const char *method, const char *uri) {
  if (!password || !nonces[call->user][0]) return 0;
  char text[400];
  uint8_t a2[33], response[33];
  if (!secrets[call->user][0]) {
    int n = snprintf(text, sizeof text, "u%07u:%s:%s", call->user, domain, password);
    md5_hex(text, (size_t)n, secrets[call->user]);
  }
  int n = snprintf(text, sizeof text, "%s:%s", method, uri);
  md5_hex(text, (size_t)n, a2);
  n = snprintf(text, sizeof text, "%s:%s:%08x:0a4f113b:auth:%s", secrets[call->user], nonces[call->user], call->nc, a2);
  md5_hex(text, (size_t)n, response);
  return sprintf(out,
    "Authorization: Digest username=\"u%07u\",realm=\"%s\",nonce=\"%s\",uri=\"%s\",response=\"%s\",algorithm=MD5,qop=auth,"
    "nc=%08x,cnonce=\"0a4f113b\"\r\n",
    call->user, domain, nonces[call->user], uri, response, call->nc);
}

// Writes what is always the same once for each socket, and patches the numbers in: formatting would cost more than the server.
static char templates[sockets_most][most];
static int template_length[sockets_most], places[sockets_most][8], place_count, cseq_place[sockets_most], branch_place[sockets_most];

static void put_decimal(char *at, uint32_t value, int width) {
  for (int i = width - 1; i >= 0; i--, value /= 10) at[i] = (char)('0' + value % 10);
}

static void put_hex(char *at, uint32_t value) {
  for (int i = 7; i >= 0; i--, value >>= 4) at[i] = "0123456789abcdef"[value & 15];
}

static void make_template(int socket) {
  char host[32], *text = templates[socket];
  inet_ntop(AF_INET, &locals[socket].sin_addr, host, sizeof host);
  char local[64];
  snprintf(local, sizeof local, "%s:%u", host, ntohs(locals[socket].sin_port));
  if (!strcmp(mode, "message")) {
    template_length[socket] = snprintf(text, most,
      "MESSAGE sip:u#######@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKload########\r\nMax-Forwards: 70\r\n"
      "From: <sip:load@elsewhere.example>;tag=loadtag\r\nTo: <sip:u#######@%s>\r\nCall-ID: c########@%s\r\n"
      "CSeq: ########## MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
      domain, local, domain, host);
  } else {
    template_length[socket] = snprintf(text, most,
      "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKload########\r\nMax-Forwards: 70\r\n"
      "From: <sip:u#######@%s>;tag=loadtag\r\nTo: <sip:u#######@%s>\r\nCall-ID: load-u#######@%s\r\n"
      "CSeq: ########## REGISTER\r\nContact: <sip:u#######@%s>\r\nExpires: 3600\r\nUser-Agent: quorate-benchmark\r\n"
      "Content-Length: 0\r\n\r\n",
      domain, local, domain, domain, host, contact ? contact : "127.0.0.1:9");
  }
  branch_place[socket] = (int)(strstr(text, "z9hG4bKload") - text) + 11;
  cseq_place[socket] = (int)(strstr(text, "CSeq: ") - text) + 6;
  place_count = 0;
  for (char *at = text; (at = strstr(at, "u#######")); at += 8) places[socket][place_count++] = (int)(at - text) + 1;
}

static int write_request(char *out, const struct call *call) {
  int socket = call->socket, length = template_length[socket];
  memcpy(out, templates[socket], (size_t)length);
  for (int i = 0; i < place_count; i++) put_decimal(out + places[socket][i], call->user, 7);
  put_hex(out + branch_place[socket], call->number);
  put_decimal(out + cseq_place[socket], call->cseq, 10);
  char *id = strstr(out, "Call-ID: c#");
  if (id) put_hex(id + 10, call->number);
  if (password) {
    char line[700];
    int added = authorization(line, call, "REGISTER", realm_uri);
    if (added) {
      int tail = 21;
      memmove(out + length - tail + added, out + length - tail, (size_t)tail);
      memcpy(out + length - tail, line, (size_t)added);
      length += added;
    }
  }
  return length;
}

// MARK: Sending

static struct mmsghdr out_headers[sockets_most][batch];
static struct iovec out_vectors[sockets_most][batch];
static char out_bytes[sockets_most][batch][most];
static int out_count[sockets_most];

static void flush(int socket) {
  int done = 0;
  while (done < out_count[socket]) {
    int n = sendmmsg(fds[socket], out_headers[socket] + done, (unsigned)(out_count[socket] - done), 0);
    if (n <= 0) {
      if (errno == EAGAIN || errno == ENOBUFS || errno == ECONNREFUSED) { usleep(100); continue; }
      fail("sendmmsg");
    }
    done += n;
  }
  out_count[socket] = 0;
}

static void transmit(const struct call *call) {
  int socket = call->socket, slot = out_count[socket]++;
  out_vectors[socket][slot] = (struct iovec){out_bytes[socket][slot], (size_t)write_request(out_bytes[socket][slot], call)};
  out_headers[socket][slot].msg_hdr = (struct msghdr){
    .msg_name = &targets[call->target], .msg_namelen = sizeof targets[0], .msg_iov = &out_vectors[socket][slot], .msg_iovlen = 1};
  if (out_count[socket] == batch) flush(socket);
}

static void set_timer(int level, uint32_t number, uint64_t at) {
  struct queue *queue = &timers[level];
  queue->links[queue->tail++ & (ring - 1)] = (struct link){number, at + intervals[level]};
}

static void begin(uint32_t user, uint64_t at) {
  uint32_t number = next_number++;
  struct call *call = &calls[number & (ring - 1)];
  if (call->state == waiting) { lost++; outstanding--; busy[call->user] = 0; }
  *call = (struct call){.sent = at, .first = at, .number = number, .user = user, .cseq = ++cseqs[user], .state = waiting,
    .socket = (uint8_t)(number % (uint32_t)socket_count), .target = (uint8_t)(number / 4 % (uint32_t)target_count)};
  if (password) call->nc = ++counts[user];
  busy[user] = 1;
  outstanding++;
  sent++;
  transmit(call);
  if (retransmit) set_timer(0, number, at);
}

static int begin_next(uint64_t at) {
  uint32_t user;
  if (!strcmp(mode, "fill")) {
    if (next_fill >= users) return 0;
    user = (uint32_t)first_user + next_fill++;
  } else if (new_share > 0 && (double)(chance() >> 11) / 9007199254740992.0 < new_share && next_new < limit_users) {
    user = next_new++;
  } else {
    // When hardly anybody is free the server is behind: to look on would keep its answers from being read.
    int looks = 0;
    do {
      if (looks++ == 64) return 0;
      user = (uint32_t)(first_user + chance() % users);
    } while (busy[user] && strcmp(mode, "message"));
  }
  begin(user, at);
  return 1;
}

// MARK: Receiving

static void take_challenge(struct call *call, char *text, uint64_t at) {
  // The MD5 challenge, which may be the second.
  for (char *line = text; (line = strcasestr(line, "WWW-Authenticate:")); line++) {
    char *end = strstr(line, "\r\n");
    if (!end) break;
    *end = 0;
    char *algorithm = strcasestr(line, "algorithm="), *nonce = strcasestr(line, " nonce=\"");
    if (!nonce) nonce = strcasestr(line, ",nonce=\"");
    if (nonce && (!algorithm || !strncasecmp(algorithm + 10, "MD5", 3))) {
      nonce += 8;
      size_t length = strcspn(nonce, "\"");
      if (length < nonce_bytes) {
        memcpy(nonces[call->user], nonce, length);
        nonces[call->user][length] = 0;
      }
      *end = '\r';
      break;
    }
    *end = '\r';
  }
  challenged++;
  // The same call goes on with the answer: its time is both round trips.
  uint32_t user = call->user, tries = call->tries;
  uint64_t first = call->first;
  call->state = idle;
  outstanding--;
  if (tries > 2 || !nonces[user][0]) { busy[user] = 0; lost++; return; }
  counts[user] = 0;
  begin(user, at);
  sent--;
  struct call *next = &calls[(next_number - 1) & (ring - 1)];
  next->first = first;
  next->tries = (uint8_t)(tries + 1);
}

static void take(char *text, uint64_t at) {
  char *branch = strstr(text, "z9hG4bKload");
  if (!branch || strncmp(text, "SIP/2.0 ", 8)) { strays++; return; }
  uint32_t number = (uint32_t)strtoul(branch + 11, NULL, 16);
  struct call *call = &calls[number & (ring - 1)];
  if (call->number != number || call->state != waiting) { strays++; return; }
  int status = atoi(text + 8);
  if (status < 200 || status > 699) return;
  if (status == 401 && password) { take_challenge(call, text, at); return; }
  by_status[status]++;
  call->state = idle;
  busy[call->user] = 0;
  outstanding--;
  answered++;
  if (samples < samples_most && status == 200) latencies[samples++] = (uint32_t)((at - call->first) / 1000);
}

static void answer_as_callee(void) {
  static char in[batch][most], out[batch][most];
  static struct mmsghdr headers[batch], replies[batch];
  static struct iovec vectors[batch], reply_vectors[batch];
  static struct sockaddr_in peers[batch];
  for (int i = 0; i < batch; i++) {
    vectors[i] = (struct iovec){in[i], most - 1};
    headers[i].msg_hdr = (struct msghdr){.msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  int n = recvmmsg(callee, headers, batch, MSG_DONTWAIT, NULL), count = 0;
  for (int i = 0; i < n; i++) {
    in[i][headers[i].msg_len] = 0;
    if (strncmp(in[i], "MESSAGE ", 8)) continue;
    delivered++;
    char *to = out[count];
    to += sprintf(to, "SIP/2.0 200 OK\r\n");
    for (char *line = strstr(in[i], "\r\n"); line && strncmp(line, "\r\n\r\n", 4); ) {
      line += 2;
      char *end = strstr(line, "\r\n");
      if (!end) break;
      if (!strncasecmp(line, "Via:", 4) || !strncasecmp(line, "From:", 5) || !strncasecmp(line, "Call-ID:", 8) ||
          !strncasecmp(line, "CSeq:", 5) || !strncasecmp(line, "To:", 3)) {
        memcpy(to, line, (size_t)(end - line));
        to += end - line;
        if (!strncasecmp(line, "To:", 3)) to += sprintf(to, ";tag=callee");
        to += sprintf(to, "\r\n");
      }
      line = end;
    }
    to += sprintf(to, "Content-Length: 0\r\n\r\n");
    reply_vectors[count] = (struct iovec){out[count], (size_t)(to - out[count])};
    replies[count].msg_hdr = (struct msghdr){.msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &reply_vectors[count], .msg_iovlen = 1};
    count++;
  }
  for (int done = 0; done < count; ) {
    int m = sendmmsg(callee, replies + done, (unsigned)(count - done), 0);
    if (m <= 0) break;
    done += m;
  }
}

static int receive(int socket) {
  static struct mmsghdr headers[batch];
  static struct iovec vectors[batch];
  static char in[batch][most];
  for (int i = 0; i < batch; i++) {
    vectors[i] = (struct iovec){in[i], most - 1};
    headers[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  int n = recvmmsg(fds[socket], headers, batch, MSG_DONTWAIT, NULL);
  uint64_t at = now();
  for (int i = 0; i < n; i++) {
    in[i][headers[i].msg_len] = 0;
    take(in[i], at);
  }
  return n > 0 ? n : 0;
}

static void expire(uint64_t at) {
  for (int level = 0; level < 4; level++) {
    struct queue *queue = &timers[level];
    while (queue->head != queue->tail) {
      struct link link = queue->links[queue->head & (ring - 1)];
      if (link.due > at) break;
      queue->head++;
      struct call *call = &calls[link.number & (ring - 1)];
      if (call->number != link.number || call->state != waiting) continue;
      if (at - call->first > 32000000000ull) {
        call->state = idle;
        busy[call->user] = 0;
        outstanding--;
        lost++;
        continue;
      }
      retransmitted++;
      transmit(call);
      set_timer(level < 3 ? level + 1 : 3, link.number, at);
    }
  }
}

// MARK: The run

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static struct sockaddr_in address(const char *text) {
  struct sockaddr_in result = {.sin_family = AF_INET};
  char host[64];
  const char *colon = strrchr(text, ':');
  if (!colon || colon - text > 60) { fprintf(stderr, "load: '%s' is no HOST:PORT\n", text); exit(64); }
  memcpy(host, text, (size_t)(colon - text));
  host[colon - text] = 0;
  inet_pton(AF_INET, host, &result.sin_addr);
  result.sin_port = htons((uint16_t)atoi(colon + 1));
  return result;
}

static int open_socket(const struct sockaddr_in *local) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 16 << 20;
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (bind(fd, (const struct sockaddr *)local, sizeof *local)) fail("bind");
  return fd;
}

static void set(char *argument) {
  char *value = strchr(argument, '=');
  if (!value) { fprintf(stderr, "load: '%s' is no option\n", argument); exit(64); }
  *value++ = 0;
  if (!strcmp(argument, "target") && target_count < targets_most) targets[target_count++] = address(value);
  else if (!strcmp(argument, "mode")) mode = value;
  else if (!strcmp(argument, "users")) users = strtoull(value, NULL, 10);
  else if (!strcmp(argument, "first")) first_user = strtoull(value, NULL, 10);
  else if (!strcmp(argument, "new")) new_share = atof(value);
  else if (!strcmp(argument, "rate")) rate = strtoull(value, NULL, 10);
  else if (!strcmp(argument, "seconds")) seconds = atof(value);
  else if (!strcmp(argument, "window")) window = strtoull(value, NULL, 10);
  else if (!strcmp(argument, "domain")) domain = value;
  else if (!strcmp(argument, "password")) password = value;
  else if (!strcmp(argument, "retransmit")) retransmit = atoi(value);
  else if (!strcmp(argument, "contact")) contact = value;
  else if (!strcmp(argument, "sockets")) socket_count = atoi(value);
  else { fprintf(stderr, "load: unknown option '%s'\n", argument); exit(64); }
}

static void prepare(void) {
  if (!target_count || socket_count < 1 || socket_count > sockets_most || users < 1) { fprintf(stderr, "load: needs a target\n"); exit(64); }
  snprintf(realm_uri, sizeof realm_uri, "sip:%s", domain);
  limit_users = first_user + users + (new_share > 0 ? (uint64_t)((double)(rate ? rate : 100000) * seconds * 1.1) + 1000 : 0);
  next_new = (uint32_t)(first_user + users);
  calls = calloc(ring, sizeof *calls);
  for (int i = 0; i < 4; i++) timers[i].links = calloc(ring, sizeof(struct link));
  cseqs = malloc(limit_users * 4);
  counts = calloc(limit_users, 4);
  busy = calloc(limit_users, 1);
  // Higher than those of any run before, and always of ten digits.
  uint32_t base = 1000000000u + (uint32_t)(time(NULL) & 0x3ffffff) * 16;
  for (uint64_t i = 0; i < limit_users; i++) cseqs[i] = base;
  if (password) {
    nonces = calloc(limit_users, sizeof *nonces);
    secrets = calloc(limit_users, sizeof *secrets);
  }
  samples_most = 1 << 23;
  latencies = malloc(samples_most * 4);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (int i = 0; i < socket_count; i++) {
    fds[i] = open_socket(&any);
    socklen_t size = sizeof locals[i];
    getsockname(fds[i], (struct sockaddr *)&locals[i], &size);
    make_template(i);
  }
  if (!strcmp(mode, "message") && contact) {
    struct sockaddr_in local = address(contact);
    callee = open_socket(&local);
  }
}

static void report(double elapsed) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double own = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
  qsort(latencies, samples, 4, compare);
  printf("{\"sent\": %llu, \"answered\": %llu, \"ok\": %llu, \"lost\": %llu, \"retransmissions\": %llu, \"challenged\": %llu, "
         "\"delivered\": %llu, \"seconds\": %.3f, \"generator_cpu\": %.3f",
    (unsigned long long)sent, (unsigned long long)answered, (unsigned long long)by_status[200],
    (unsigned long long)(lost + outstanding), (unsigned long long)retransmitted, (unsigned long long)challenged,
    (unsigned long long)delivered, elapsed, own);
  for (int i = 200; i < 700; i++)
    if (i != 200 && by_status[i]) printf(", \"status_%d\": %llu", i, (unsigned long long)by_status[i]);
  static const double shares[] = {0.5, 0.99, 0.999};
  static const char *names[] = {"p50_ms", "p99_ms", "p999_ms"};
  for (int i = 0; i < 3; i++)
    printf(", \"%s\": %.3f", names[i], samples ? latencies[(uint64_t)((double)(samples - 1) * shares[i])] / 1000.0 : 0);
  printf(", \"max_ms\": %.3f, \"next_user\": %u}\n", samples ? latencies[samples - 1] / 1000.0 : 0, next_new);
}

int main(int count, char **arguments) {
  for (int i = 1; i < count; i++) set(arguments[i]);
  prepare();
  struct pollfd waits[sockets_most + 1];
  for (int i = 0; i < socket_count; i++) waits[i] = (struct pollfd){fds[i], POLLIN, 0};
  int wait_count = socket_count;
  if (callee >= 0) waits[wait_count++] = (struct pollfd){callee, POLLIN, 0};
  int is_fill = !strcmp(mode, "fill");
  uint64_t start = now(), end = start + (uint64_t)(seconds * 1e9), last_end = 0;
  while (1) {
    uint64_t at = now();
    int is_sending = is_fill ? next_fill < users : at < end;
    if (!is_sending && !last_end) last_end = at;
    // What is out when the time is over is waited for, three seconds at most: it counts as lost then.
    if (!is_sending && (outstanding == 0 || at > last_end + (is_fill ? 35000000000ull : 3000000000ull))) break;
    int budget = 128;
    if (is_sending) {
      if (rate && !is_fill) {
        uint64_t due = (uint64_t)((double)(at - start) / 1e9 * (double)rate);
        while (sent < due && budget-- > 0 && begin_next(at)) {}
      } else {
        while (outstanding < window && budget-- > 0 && begin_next(at)) {}
      }
    }
    if (retransmit) expire(at);
    for (int i = 0; i < socket_count; i++) if (out_count[i]) flush(i);
    int got = 0;
    for (int i = 0; i < socket_count; i++) got += receive(i);
    if (callee >= 0) answer_as_callee();
    if (!got && budget > 0) {
      struct timespec pause = {0, 300000};
      ppoll(waits, (nfds_t)wait_count, &pause, NULL);
      // Pacing by a third of a millisecond even while answers pour in: fewer, fuller calls.
      if (rate) { struct timespec rest = {0, 200000}; nanosleep(&rest, NULL); }
    }
  }
  report((double)((last_end ? last_end : now()) - start) / 1e9);
  return 0;
}
