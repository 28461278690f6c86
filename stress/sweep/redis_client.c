/* SPDX-License-Identifier: MIT
 * stress/sweep/redis_client.c - a client of one command at a time. */
#include "stress/sweep/redis_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { REPLY_LIMIT_S = 20 };

static struct sockaddr_in
redis_address(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int
redis_free_port(void)
{
	struct sockaddr_in address = redis_address(0);
	socklen_t length = sizeof(address);
	int port = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		getsockname(fd, (struct sockaddr *)&address, &length) == 0)
		port = ntohs(address.sin_port);
	if (fd >= 0)
		close(fd);
	return port;
}

FILE *
redis_connect(int port)
{
	struct sockaddr_in address = redis_address(port);
	struct timeval limit = {.tv_sec = REPLY_LIMIT_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return NULL;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	/* Or the last piece of a long request waits for the server's late acknowledgement. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	FILE *stream = NULL;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		stream = fdopen(fd, "r+");
	if (stream == NULL)
		close(fd);
	return stream;
}

static bool
redis_reply(FILE *from, char *reply, size_t size)
{
	char head[512];

	if (fgets(head, sizeof(head), from) == NULL)
		return false;
	head[strcspn(head, "\r\n")] = '\0';
	if (head[0] == '+' || head[0] == ':') {
		snprintf(reply, size, "%s", head + 1);
		return true;
	}
	long length = head[0] == '$' ? atol(head + 1) : -1;

	if (length < 0 || (size_t)length >= size)
		return false;
	reply[length] = '\0';
	return fread(reply, 1, (size_t)length, from) == (size_t)length && getc(from) == '\r' &&
	       getc(from) == '\n';
}

bool
redis_command(FILE *to, char *reply, size_t size, const char *format, ...)
{
	va_list args;

	/* A stream that is read and written wants a seek between the two; on a socket it fails
	 * and still does what is needed, which is to forget the read buffer. */
	fseek(to, 0, SEEK_CUR);
	va_start(args, format);
	vfprintf(to, format, args);
	va_end(args);
	fputs("\r\n", to);
	return fflush(to) == 0 && redis_reply(to, reply, size);
}
