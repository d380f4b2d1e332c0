/* SPDX-License-Identifier: Apache-2.0 */
/* config_notice - what [notice] says: checked, and taken apart. */
#include "config.h"
#include "io.h"
#include "mail.h"
#include "notices.h"
#include "str.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWORD_MAX 1024

static int own(struct config *cfg, void *p)
{
	void **grown = reallocarray(cfg->owned, cfg->n_owned + 1, sizeof(void *));

	if (!p || !grown) {
		free(p);
		return -ENOMEM;
	}
	cfg->owned = grown;
	cfg->owned[cfg->n_owned++] = p;
	return 0;
}

/* A comma list, into words that live as long as `cfg`. */
static int split(struct config *cfg, const char *list, const char *words[ADDRESSES_MAX],
		 size_t *ret_n)
{
	char *copy = strdup(list ? list : ""), *rest = copy, *word;
	int r = own(cfg, copy);

	while (r == 0 && (word = strsep(&rest, ", "))) {
		if (*word && *ret_n == ADDRESSES_MAX)
			return -E2BIG;
		if (*word)
			words[(*ret_n)++] = word;
	}
	return r;
}

static int check_program(const char *key, const char *path, struct buf *err)
{
	if (path && (*path != '/' || access(path, X_OK) < 0))
		return config_refuse(err,
				     "[notice] %s: %s: not a program with its whole path",
				     key, path);
	return 0;
}

static int check_url(const char *key, const char *url, const char *plain,
		     const char *secret, struct buf *err)
{
	if (url && !str_after(url, plain) && !str_after(url, secret))
		return config_refuse(err, "[notice] %s: \"%s\" is no %s or %s URL", key,
				     url, plain, secret);
	return 0;
}

static int read_password(struct config *cfg, struct buf *err)
{
	const char *path = cfg->notice.smtp_password_file;
	struct stat st;
	char text[PASSWORD_MAX];

	if (!path)
		return 0;
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return config_refuse(err, "[notice] smtp-password-file: %s: %s", path,
				     strerrordesc_np(errno));
	if (st.st_mode & 077)
		return config_refuse(
			err,
			"[notice] smtp-password-file: %s can be read by others: "
			"chmod 600 it",
			path);
	ssize_t n = pread_full(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return config_refuse(err, "[notice] smtp-password-file: %s is empty",
				     path);
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	char *copy = strdup(text);
	explicit_bzero(text, sizeof(text));
	cfg->smtp_password = copy;
	return own(cfg, copy);
}

static int check_addresses(struct config *cfg, struct buf *err)
{
	const struct notice_section *s = &cfg->notice;

	if ((s->smtp || s->sendmail) && (!s->from || !mail_is_address(s->from)))
		return config_refuse(err, "[notice] from: mails need an address they are "
					  "from, like thawfs@example.org");
	for (size_t i = 0; i < cfg->n_notice_admins; i++)
		if (!mail_is_address(cfg->notice_admins[i]))
			return config_refuse(err, "[notice] admins: \"%s\" is no address",
					     cfg->notice_admins[i]);
	return 0;
}

int config_finish_notice(struct config *cfg, struct buf *err)
{
	const struct notice_section *s = &cfg->notice;

	int r = split(cfg, s->admins, cfg->notice_admins, &cfg->n_notice_admins);
	if (!r)
		r = split(cfg, s->domains, cfg->notice_domains, &cfg->n_notice_domains);
	if (r == -E2BIG)
		return config_refuse(err, "[notice] admins and domains: at most %d each",
				     ADDRESSES_MAX);
	if (!r && (s->link_ms < 0 || s->link_ms > (int64_t)7 * 24 * 3600 * 1000))
		r = config_refuse(err, "[notice] link: a link lasts 7d at most");
	if (!r && s->smtp && s->sendmail)
		r = config_refuse(err, "[notice] smtp, or sendmail: not both");
	if (!r && s->smtp_user && s->smtp_tls == SEND_TLS_NEVER)
		r = config_refuse(err,
				  "[notice] smtp-user: a password is not sent in clear; "
				  "smtp-tls = require");
	if (!r)
		r = check_url("smtp", s->smtp, "smtp://", "smtps://", err);
	if (!r)
		r = check_url("webhook", s->webhook, "http://", "https://", err);
	if (!r)
		r = check_program("sendmail", s->sendmail, err);
	if (!r)
		r = check_program("hook", s->hook, err);
	if (!r)
		r = check_addresses(cfg, err);
	return r ? r : read_password(cfg, err);
}

void config_for_notice(const struct config *cfg, struct notice_cfg *ret)
{
	const struct notice_section *s = &cfg->notice;
	/* A login goes over TLS or not at all. */
	bool is_login = s->smtp_user != NULL;

	*ret = (struct notice_cfg){
		.smtp = { .url = s->smtp,
			  .user = s->smtp_user,
			  .password = cfg->smtp_password,
			  .tls = is_login ? SEND_TLS_REQUIRE : (enum send_tls)s->smtp_tls,
			  .ca_file = s->smtp_ca },
		.sendmail = s->sendmail,
		.from = s->from,
		.admins = cfg->notice_admins,
		.n_admins = cfg->n_notice_admins,
		.templates = s->templates,
		.hook = s->hook,
		.webhook = { .url = s->webhook,
			     .tls = SEND_TLS_TRY,
			     .ca_file = s->smtp_ca },
		.settle_ms = s->settle_ms,
		.link_ms = s->link_ms,
		.mountpoint = cfg->mountpoint,
	};
}

bool config_may_mail(const struct config *cfg, const char *address)
{
	const char *domain = strchr(address, '@');

	if (!cfg->notice.smtp && !cfg->notice.sendmail)
		return false;
	for (size_t i = 0; domain && i < cfg->n_notice_domains; i++)
		if (strcasecmp(cfg->notice_domains[i], domain + 1) == 0)
			return true;
	return !cfg->n_notice_domains;
}
