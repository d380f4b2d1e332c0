/* SPDX-License-Identifier: Apache-2.0 */
/* json_stream - takes the top level of a document apart, and the objects that are entered, and leaves
 * the pieces to json-c.
 *
 * `steps` is all of the grammar that is known here. A key, value or element is collected whole
 * (`piece`) by counting brackets outside strings; whether it is JSON inside, json-c says.
 */
#include "json.h"
#include "str.h"

#include <assert.h>
#include <json-c/json.h>
#include <stdio.h>

#define PIECE_MAX ((size_t)65536)
#define DEPTH_MAX 32
#define OPEN_MAX  4

enum stream_state {
	BEGIN,
	FIRST_KEY,
	NEXT_KEY,
	COLON,
	VALUE,
	AFTER_VALUE,
	ARRAY,
	FIRST_ELEMENT,
	NEXT_ELEMENT,
	AFTER_ELEMENT,
	END,
};

enum piece_kind {
	PIECE_NONE, /* between pieces */
	PIECE_KEY,
	PIECE_VALUE,
	PIECE_ELEMENT,
};

/* What may come where, white space aside. A piece is read, from its first character on, before
 * `next` counts. */
static const struct step {
	enum stream_state state;
	char c; /* '\0': any */
	enum stream_state next;
	enum piece_kind begins;
} steps[] = {
	{ BEGIN, '{', FIRST_KEY, PIECE_NONE },
	{ FIRST_KEY, '"', COLON, PIECE_KEY },
	{ FIRST_KEY, '}', END, PIECE_NONE },
	{ NEXT_KEY, '"', COLON, PIECE_KEY },
	{ COLON, ':', VALUE, PIECE_NONE }, /* ARRAY if the key is the array's */
	{ VALUE, '\0', AFTER_VALUE, PIECE_VALUE },
	{ AFTER_VALUE, ',', NEXT_KEY, PIECE_NONE },
	{ AFTER_VALUE, '}', END, PIECE_NONE },
	{ ARRAY, '[', FIRST_ELEMENT, PIECE_NONE },
	{ FIRST_ELEMENT, '{', AFTER_ELEMENT, PIECE_ELEMENT },
	{ FIRST_ELEMENT, ']', AFTER_VALUE, PIECE_NONE },
	{ NEXT_ELEMENT, '{', AFTER_ELEMENT, PIECE_ELEMENT },
	{ AFTER_ELEMENT, ',', NEXT_ELEMENT, PIECE_NONE },
	{ AFTER_ELEMENT, ']', AFTER_VALUE, PIECE_NONE },
};

struct json_stream {
	char *array_key; /* NULL: a map */
	json_element_fn element;
	json_text_fn text;     /* instead of `element` */
	json_member_fn member; /* may be NULL */
	void *arg;

	enum stream_state state;
	enum piece_kind kind;
	struct buf piece;   /* what has been collected of it */
	uint64_t began;     /* where it did */
	unsigned int depth; /* open brackets in the piece */
	bool is_bare; /* the piece is a number or a word: ends before what follows */
	bool is_in_string, is_escaped;

	char *key; /* of the value that comes or is being read: with its path */
	bool has_array;
	const char *open[OPEN_MAX]; /* paths of objects that are entered */
	size_t n_open;
	struct buf
		path; /* of the object that is entered, with a dot behind; "" at the top */
	uint64_t taken;
	int err; /* the first failure; stays */
};

struct json_stream *json_stream_new_map(json_member_fn member, void *arg)
{
	struct json_stream *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	buf_init(&s->piece, PIECE_MAX);
	buf_init(&s->path, PIECE_MAX);
	s->member = member;
	s->arg = arg;
	return s;
}

void json_stream_open(struct json_stream *s, const char *path)
{
	assert(s->n_open < OPEN_MAX);
	s->open[s->n_open++] = path;
}

struct json_stream *json_stream_new(const char *array_key, json_element_fn element,
				    json_member_fn member, void *arg)
{
	struct json_stream *s = json_stream_new_map(member, arg);
	if (!s)
		return NULL;
	s->element = element;
	s->array_key = strdup(array_key);
	if (!s->array_key) {
		json_stream_free(s);
		return NULL;
	}
	return s;
}

struct json_stream *json_stream_new_raw(const char *array_key, json_text_fn element,
					json_member_fn member, void *arg)
{
	struct json_stream *s = json_stream_new(array_key, NULL, member, arg);
	if (s)
		s->text = element;
	return s;
}

void json_stream_free(struct json_stream *s)
{
	if (!s)
		return;
	buf_done(&s->piece);
	buf_done(&s->path);
	free(s->array_key);
	free(s->key);
	free(s);
}

uint64_t json_stream_offset(const struct json_stream *s)
{
	return s->taken;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Starts to collect a piece whose first character is `c`; the caller feeds that to it. */
static void piece_begin(struct json_stream *s, enum piece_kind kind, char c)
{
	s->kind = kind;
	s->began = s->taken;
	s->depth = 0;
	s->is_in_string = false;
	s->is_escaped = false;
	s->is_bare = c != '"' && c != '{' && c != '[';
	buf_reset(&s->piece);
}

static int key_end(struct json_stream *s, struct json_object *o)
{
	const char *path = s->path.len ? s->path.data : "";

	free(s->key);
	if (asprintf(&s->key, "%s%s", path, json_object_get_string(o)) < 0)
		s->key = NULL;
	return s->key ? 0 : -ENOMEM;
}

static bool is_opened(const struct json_stream *s)
{
	for (size_t i = 0; i < s->n_open; i++)
		if (streq(s->open[i], s->key))
			return true;
	return false;
}

static int path_enter(struct json_stream *s)
{
	buf_reset(&s->path);
	return buf_printf(&s->path, "%s.", s->key);
}

/* From "terms.OnDemand." to "terms.", from there to "". */
static void path_leave(struct json_stream *s)
{
	size_t len = s->path.len - 1;

	while (len && s->path.data[len - 1] != '.')
		len--;
	s->path.len = len;
	s->path.data[len] = '\0';
}

/* The piece is complete: hands it on. */
static int piece_end(struct json_stream *s)
{
	enum piece_kind kind = s->kind;
	s->kind = PIECE_NONE;

	if (s->piece.err)
		return 0; /* too long: left out */
	if (kind == PIECE_ELEMENT && s->text)
		return s->text(s->arg, s->began, s->piece.data, s->piece.len);
	_cleanup_(json_freep) struct json_object *o =
		json_parse(s->piece.data, s->piece.len);
	bool is_null = s->piece.len == 4 && memcmp(s->piece.data, "null", 4) == 0;
	if (!o && !is_null)
		return -EBADMSG;

	if (kind == PIECE_KEY)
		return key_end(s, o);
	if (kind == PIECE_ELEMENT)
		return s->element(s->arg, o);
	return s->member ? s->member(s->arg, s->key, o) : 0;
}

/* Whether `c` is the last character of the piece. -EBADMSG when nested too deep. */
static int piece_step(struct json_stream *s, char c)
{
	if (s->is_escaped) {
		s->is_escaped = false;
		return false;
	}
	if (s->is_in_string) {
		s->is_escaped = c == '\\';
		s->is_in_string = c != '"';
		return c == '"' && s->depth == 0;
	}
	switch (c) {
	case '"':
		s->is_in_string = true;
		return false;
	case '{':
	case '[':
		s->depth++;
		return s->depth > DEPTH_MAX ? -EBADMSG : false;
	case '}':
	case ']':
		s->depth--;
		return s->depth == 0;
	default:
		return false;
	}
}

/* Bytes of a string that neither end it nor escape what follows. */
static size_t plain_len(const char *data, size_t len)
{
	const char *end = memchr(data, '"', len);
	size_t n = end ? (size_t)(end - data) : len;
	const char *escape = memchr(data, '\\', n);
	return escape ? (size_t)(escape - data) : n;
}

/* Collects from `data`; `ret_n` is how many bytes of it belonged to the piece. */
static int piece_feed(struct json_stream *s, const char *data, size_t len, size_t *ret_n)
{
	size_t n = 0;
	int is_done = false;

	while (n < len && is_done == 0) {
		if (s->is_in_string && !s->is_escaped) {
			n += plain_len(data + n, len - n);
			if (n == len)
				break;
		}
		if (s->is_bare && (is_blank(data[n]) || strchr(",}]\"{[:", data[n]))) {
			is_done = true;
			break;
		}
		is_done = s->is_bare ? false : piece_step(s, data[n]);
		if (is_done < 0)
			return is_done;
		n++;
	}

	int r = buf_add(&s->piece, data, n);
	bool may_be_left_out = !s->array_key && s->kind == PIECE_VALUE;
	if (r < 0 && !(may_be_left_out && r == -EMSGSIZE))
		return r;
	*ret_n = n;
	return is_done > 0 ? piece_end(s) : 0;
}

static const struct step *step_find(enum stream_state state, char c)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i].state == state && (steps[i].c == c || steps[i].c == '\0'))
			return &steps[i];
	return NULL;
}

/* One character between pieces; taken (`ret_n` 1) unless it is the first of a piece. */
static int token_step(struct json_stream *s, char c, size_t *ret_n)
{
	if (is_blank(c)) {
		*ret_n = 1;
		return 0;
	}

	const struct step *step = step_find(s->state, c);
	if (!step)
		return -EBADMSG;
	enum stream_state next = step->next;
	if (s->state == VALUE && c == '{' && is_opened(s)) {
		*ret_n = 1;
		s->state = FIRST_KEY;
		return path_enter(s);
	}
	if (next == END && s->path.len) {
		next = AFTER_VALUE;
		path_leave(s);
	}
	if (next == VALUE && s->array_key && streq(s->key, s->array_key)) {
		if (s->has_array)
			return -EBADMSG;
		s->has_array = true;
		next = ARRAY;
	}
	if (step->begins != PIECE_NONE)
		piece_begin(s, step->begins, c);
	else
		*ret_n = 1;
	s->state = next;
	return 0;
}

int json_stream_feed(struct json_stream *s, const char *data, size_t len)
{
	size_t at = 0;

	while (at < len && s->err == 0) {
		size_t n = 0;
		if (s->kind != PIECE_NONE)
			s->err = piece_feed(s, data + at, len - at, &n);
		else
			s->err = token_step(s, data[at], &n);
		at += n;
		s->taken += n;
	}
	return s->err;
}

int json_stream_end(struct json_stream *s)
{
	if (s->err < 0)
		return s->err;
	/* Stopped by a callback, cut off, or without the array. */
	bool lacks_array = s->array_key && !s->has_array;
	return s->err > 0 || s->state != END || lacks_array ? -EBADMSG : 0;
}
