// Walks the steps of walk.json with the official SDK for Node.js.
// Reads {url, access_key, secret_key, known, steps} from standard input and writes,
// for each step, what came back: {answer} or {refused: [status, code]}.
const sdk = require('@huaweicloud/huaweicloud-sdk-functiongraph');
const { BasicCredentials } = require('@huaweicloud/huaweicloud-sdk-core');

const camel = (name) => name.replace(/_(\w)/g, (_all, letter) => letter.toUpperCase());

function filled(value, known) {
  if (typeof value === 'string') {
    return value.replace(/{(\w+)}/g, (all, name) => known[name] ?? all);
  }
  if (Array.isArray(value)) return value.map((one) => filled(one, known));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, filled(one, known)]));
}

function requestFor(step, known) {
  const request = new sdk[`${step.call}Request`]();
  for (const [name, value] of Object.entries(filled(step.with ?? {}, known))) {
    request[camel(name)] = value;
  }
  if (step.body) {
    const Model = sdk[`${step.call}RequestBody`] ?? Object;
    request.body = Object.assign(new Model(), filled(step.body, known));
  }
  return request;
}

async function taken(client, step, known) {
  const method = step.call[0].toLowerCase() + step.call.slice(1);
  try {
    const answer = await client[method](requestFor(step, known));
    for (const [name, path] of Object.entries(step.keep ?? {})) known[name] = answer[path];
    return { answer };
  } catch (error) {
    if (error.errorCode === undefined) throw error;
    return { refused: [error.httpStatusCode, error.errorCode] };
  }
}

async function main(told) {
  const credentials = new BasicCredentials()
    .withAk(told.access_key).withSk(told.secret_key).withProjectId(told.known.project_id);
  const client = sdk.FunctionGraphClient.newBuilder()
    .withCredential(credentials).withEndpoint(told.url).build();
  const answers = [];
  for (const step of told.steps) answers.push(await taken(client, step, told.known));
  console.log(JSON.stringify(answers));
}

main(JSON.parse(require('fs').readFileSync(0, 'utf8')));
