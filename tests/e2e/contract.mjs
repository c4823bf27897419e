// SPDX-License-Identifier: Apache-2.0
// Answers held against the OpenAPI document that the same installation serves: a status or a body that is not documented is
// an error of the test, whatever the test itself looks at.
import http from 'node:http';
import https from 'node:https';
import Ajv from 'ajv/dist/2020.js';

const FORMATS = {
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, // always with milliseconds, always UTC
  uri: (text) => URL.canParse?.(text) ?? Boolean(new URL(text)),
};
const CALLBACK = '/oauth/callback/{callbackId}'; // where browsers come by themselves: nginx shows them a page
const JSON_TYPE = 'application/json';
const FRONT = [414, 431, 504]; // nginx says these for itself, whatever the operation
const pointer = (name) => name.replaceAll('~', '~0').replaceAll('/', '~1');

// Where no columns were chosen, an entity has every member that need not be asked for.
function withEveryColumn(value) {
  if (Array.isArray(value)) return value.map(withEveryColumn);
  if (value === null || typeof value !== 'object') return value;
  const copy = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withEveryColumn(member)]));
  const columns = copy['x-columns'];
  if (columns) copy.required = Object.keys(copy.properties).filter((name) => !columns.onRequest.includes(name));
  return copy;
}

export class Contract {
  #validators = new Map();

  constructor(document) {
    this.document = document;
    this.routes = Object.keys(document.paths).map((template) => ({ template, parts: template.split('/') }))
      .sort((a, b) => a.template.split('{').length - b.template.split('{').length);
    this.ajv = { chosen: this.#open(document), every: this.#open(withEveryColumn(document)) };
  }

  #open(document) {
    const ajv = new Ajv({ strict: false, allErrors: true, formats: FORMATS });
    return ajv.addSchema({ ...document, $id: 'doc' });
  }

  // The documented path that a path leads to, or undefined.
  template(path) {
    const parts = path.split('/');
    return this.routes.find((route) => route.parts.length === parts.length
      && route.parts.every((part, i) => (part.startsWith('{') ? parts[i] !== '' : part === parts[i])))?.template;
  }

  // A function that gives the errors of a value, compiled when it is first asked for.
  validator(at, columns = 'chosen') {
    const key = `${columns} ${at}`;
    if (!this.#validators.has(key)) {
      const validate = this.ajv[columns].compile({ $ref: `doc#${at}` });
      this.#validators.set(key, (value) => (validate(value) ? [] : validate.errors.map((error) => `${error.instancePath || '/'} ${error.message} ${JSON.stringify(error.params)}`)));
    }
    return this.#validators.get(key);
  }

  // What is wrong with an answer, as a list of texts.
  differences(method, target, answer) {
    const [path, query = ''] = target.split('?');
    const template = this.template(path);
    if (template === undefined) return [];
    if (template === CALLBACK && answer.status >= 400) return /^text\/html/.test(answer.headers['content-type']) ? [] : ['no page'];
    if (FRONT.includes(answer.status)) return this.validator(`/components/schemas/Error${path.startsWith('/api/v1/') ? 'V1' : 'V2'}`)(answer.body);
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    const operation = this.document.paths[template][verb];
    const response = operation?.responses[answer.status];
    if (!operation) return answer.status >= 400 ? [] : [`${method} ${template} is not documented and answered ${answer.status}`];
    if (!response) return [`status ${answer.status} of ${method} ${template} is not documented`];
    const problems = [];
    if (operation.deprecated && !answer.headers.deprecation && answer.status < 500) problems.push('no Deprecation header');
    if (response.headers?.['Retry-After'] && !/^[1-9]\d*$/.test(answer.headers['retry-after'])) problems.push('no Retry-After in whole seconds');
    if (method === 'HEAD') return problems;
    if (!response.content) return answer.text === '' ? problems : [...problems, 'a body where none is documented'];
    const [type] = Object.keys(response.content);
    if (type !== JSON_TYPE) return String(answer.headers['content-type']).startsWith(type) ? problems : [...problems, `content type ${answer.headers['content-type']}`];
    if (!String(answer.headers['content-type']).startsWith(JSON_TYPE)) problems.push(`content type ${answer.headers['content-type']}`);
    if (answer.body === undefined) return [...problems, 'no JSON'];
    const at = `/paths/${pointer(template)}/${verb}/responses/${answer.status}/content/${pointer(JSON_TYPE)}/schema`;
    return [...problems, ...this.validator(at, /(^|&)cols(\[|%5B|=)/i.test(query) ? 'chosen' : 'every')(answer.body)];
  }

  check(method, target, answer) {
    const problems = this.differences(method, target, answer);
    if (problems.length > 0) throw new Error(`${method} ${target} is not as documented: ${problems.join('; ')}\n${answer.status} ${answer.text.slice(0, 2000)}`);
  }
}

// The document of the installation on this port, or undefined when it does not answer.
export function fetchDocument({ net, tls }) {
  return new Promise((resolve) => {
    const request = (tls ? https : http).get({ ...net, path: '/api/openapi.json', timeout: 10000 }, (response) => {
      const parts = [];
      response.on('error', () => resolve(undefined));
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve(response.statusCode === 200 ? JSON.parse(Buffer.concat(parts)) : undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}
