/* SPDX-License-Identifier: Apache-2.0 */
/* XML_PARSE(): XML becomes objects while libxml2 reads it; there is no document in between. */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/xmlmemory.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/secret.h"
#include "formula/call.h"

#define XML_DEPTH_MAX 64
#define XML_TEXT_KEY "#text"

/* An element that is open. */
struct element {
	json_t *members; /* attributes and children so far */
	struct buf text;
};

struct reading {
	const struct formula_call *call;
	xmlParserCtxt *parser;
	struct element open[XML_DEPTH_MAX + 1]; /* [0] takes the root */
	unsigned depth;
	const char *fault; /* what ended the reading before libxml2 did */
	enum err err;      /* a limit of the evaluation */
};

static void
stop(struct reading *reading, const char *fault)
{
	if (reading->fault == NULL)
		reading->fault = fault;
	xmlStopParser(reading->parser);
}

/* Count what grows; false when it is enough. */
static bool
spend(struct reading *reading, size_t bytes)
{
	const struct formula_call *call = reading->call;

	if (reading->err == OK)
		reading->err = eval_spend_json(call->eval, call->node, VALUE_JSON_COST + bytes);
	if (reading->err != OK)
		xmlStopParser(reading->parser);
	return reading->err == OK;
}

/* A second one of the same name makes an array of both. */
static void
add_member(json_t *members, const char *name, json_t *value)
{
	json_t *there = json_object_get(members, name);

	if (there == NULL) {
		json_put(members, name, value);
	} else if (json_is_array(there)) {
		json_array_append_new(there, value);
	} else {
		json_t *both = json_array();

		json_array_append(both, there);
		json_array_append_new(both, value);
		json_put(members, name, both);
	}
}

static void
add_attributes(struct reading *reading, json_t *members, const xmlChar **attributes, int n)
{
	/* Each is five pointers: name, prefix, namespace, beginning and end of the value. */
	for (int i = 0; i < n; i++, attributes += 5) {
		size_t len = (size_t)(attributes[4] - attributes[3]);

		if (!spend(reading, len))
			return;
		auto_free char *name = xasprintf("@%s", (const char *)attributes[0]);
		json_t *value = json_stringn((const char *)attributes[3], len);
		if (value == NULL)
			stop(reading, "is not UTF-8");
		else if (json_object_get(members, name) == NULL)
			json_put(members, name, value);
		else
			json_decref(value);
	}
}

static void
on_start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *namespace,
    int n_namespaces, const xmlChar **namespaces, int n_attributes, int n_defaulted,
    const xmlChar **attributes)
{
	struct reading *reading = ((xmlParserCtxt *)data)->_private;
	(void)name, (void)prefix, (void)namespace, (void)n_namespaces, (void)namespaces,
	    (void)n_defaulted;

	if (reading->depth >= XML_DEPTH_MAX) {
		stop(reading, "is nested too deep");
		return;
	}
	struct element *element = &reading->open[++reading->depth];
	*element = (struct element){ .members = json_object(), .text = CALL_BUF };
	if (spend(reading, 0))
		add_attributes(reading, element->members, attributes, n_attributes);
}

static bool
is_blank(const struct buf *text)
{
	return strspn(buf_text(text), " \t\r\n") == text->len;
}

/* An element with text alone is that text; beside attributes or children it is a member. */
static json_t *
element_value(struct reading *reading, struct element *element)
{
	bool alone = json_object_size(element->members) == 0;

	if (!alone && is_blank(&element->text))
		return json_incref(element->members);
	json_t *text = json_stringn(buf_text(&element->text), element->text.len);
	if (text == NULL) {
		stop(reading, "is not UTF-8");
		return json_null();
	}
	if (alone)
		return text;
	json_put(element->members, XML_TEXT_KEY, text);
	return json_incref(element->members);
}

static void
element_free(struct element *element)
{
	json_decref(element->members);
	buf_free(&element->text);
	*element = (struct element){ 0 };
}

static void
on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *namespace)
{
	struct reading *reading = ((xmlParserCtxt *)data)->_private;
	(void)prefix, (void)namespace;

	if (reading->depth == 0)
		return;
	struct element *element = &reading->open[reading->depth--];
	add_member(reading->open[reading->depth].members, (const char *)name,
	    element_value(reading, element));
	element_free(element);
}

static void
on_text(void *data, const xmlChar *text, int len)
{
	struct reading *reading = ((xmlParserCtxt *)data)->_private;

	if (reading->depth > 0 && len > 0)
		buf_add(&reading->open[reading->depth].text, text, (size_t)len);
}

/* Whoever declares a document type could declare entities in it. */
static void
on_doctype(void *data, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	(void)name, (void)external, (void)system;
	stop(((xmlParserCtxt *)data)->_private, "must not have a document type (DOCTYPE)");
}

static void
on_reference(void *data, const xmlChar *name)
{
	(void)name;
	stop(((xmlParserCtxt *)data)->_private, "has an entity that is not known");
}

/* libxml2 keeps the input and what it cuts out of it in its own memory. */
static void *
xml_realloc(void *old, size_t size)
{
	size_t had = old != NULL ? malloc_usable_size(old) : 0;
	void *fresh = xmalloc(size);

	if (had > 0)
		memcpy(fresh, old, had < size ? had : size);
	secret_free_block(old);
	return fresh;
}

static void
set_up_library(void)
{
	xmlMemSetup(secret_free_block, xmalloc, xml_realloc, xstrdup);
	xmlInitParser();
}

static enum err
read_all(struct reading *reading, const struct buf *text)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const struct formula_call *call = reading->call;

	pthread_once(&once, set_up_library);
	reading->parser = xmlNewParserCtxt();
	if (reading->parser == NULL)
		return call_fail(call, "cannot read XML");
	xmlSAXHandler *on = reading->parser->sax;
	memset(on, 0, sizeof(*on));
	*on = (xmlSAXHandler){
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
		.internalSubset = on_doctype,
		.reference = on_reference,
	};
	reading->parser->_private = reading;
	/* NOENT writes &amp; in attributes out; there are no other entities than those five. */
	xmlDocPtr none = xmlCtxtReadMemory(reading->parser, buf_text(text), (int)text->len, NULL,
	    NULL, XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlFreeDoc(none);
	bool whole = reading->parser->wellFormed == 1;
	xmlFreeParserCtxt(reading->parser);
	if (reading->err != OK)
		return reading->err;
	if (reading->fault != NULL)
		return eval_fail(call->eval, call->node, "the XML %s", reading->fault);
	return whole ? OK : eval_fail(call->eval, call->node, "the text is not XML");
}

enum err
formula_fn_xml_parse(const struct formula_call *call, struct value *out)
{
	struct reading reading = { .call = call };
	auto_buf struct buf text = CALL_BUF;
	enum err err = call_text(call, 0, &text);

	if (err != OK)
		return err;
	reading.open[0].members = json_object();
	err = read_all(&reading, &text);
	if (err == OK)
		value_set_json(out, json_incref(reading.open[0].members));
	for (unsigned i = 0; i <= XML_DEPTH_MAX; i++)
		if (reading.open[i].members != NULL)
			element_free(&reading.open[i]);
	return err;
}
