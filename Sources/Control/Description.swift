import Foundation

/// The description of the API in OpenAPI 3.1, which a test holds against the routes and their answers.
enum Description {
    static let route = Route(.get, "/api/openapi.json", .blocking { _ in Answer(body: Data(text.utf8)) })

    static let text = #"""
        {"openapi":"3.1.0","info":{"title":"PeekFS","version":"1",
        "description":"What `peekfs mount` answers on its socket and, with `--listen`, on a port of this machine. A thing is written `instance:kind:id`, such as `attic:scene:123`. Ratings are the caller's."}
        ,"security":[{"token":[]}],
        "paths":{
        "/api/setup/stash-instances":{"get":{"operationId":"listInstances","summary":"The servers, in priority order",
        "responses":{"200":{"description":"Done","content":{"application/json":{"schema":{"type":"array","items":{
        "$ref":"#/components/schemas/Instance"}}}}},"default":{"$ref":"#/components/responses/Problem"}}}},
        "/api/setup/stash-instance":{"post":{"operationId":"createInstance",
        "summary":"Adds a server, after a test of the connection","requestBody":{"required":true,"content":{
        "application/json":{"schema":{"$ref":"#/components/schemas/NewInstance"}}}},"responses":{"201":{
        "description":"Added","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Instance"}}}},
        "default":{"$ref":"#/components/responses/Problem"}}}},
        "/api/setup/stash-instance/{uuid}":{"put":{"operationId":"changeInstance",
        "summary":"Changes what is given, after a test of the connection where that changes","parameters":[{
        "name":"uuid","in":"path","required":true,"schema":{"type":"string","minLength":1},
        "description":"The server's id or name"}],"requestBody":{"required":true,"content":{"application/json":{
        "schema":{"$ref":"#/components/schemas/InstancePatch"}}}},"responses":{"200":{"description":"Done","content":{
        "application/json":{"schema":{"$ref":"#/components/schemas/Instance"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}},"delete":{"operationId":"removeInstance",
        "summary":"Forgets a server and its key; what people said is kept, unless purge","parameters":[{"name":"uuid",
        "in":"path","required":true,"schema":{"type":"string","minLength":1},"description":"The server's id or name"},{
        "name":"purge","in":"query","schema":{"type":"boolean"},
        "description":"Delete also what people said about its things"}],"responses":{"200":{"description":"Done",
        "content":{"application/json":{"schema":{"$ref":"#/components/schemas/Removal"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/setup/stash-instance/test":{"post":{"operationId":"testConnection",
        "summary":"What adding would say; of a present server with `id`","requestBody":{"required":true,"content":{
        "application/json":{"schema":{"$ref":"#/components/schemas/TestRequest"}}}},"responses":{"200":{
        "description":"Done","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Connection"}}}},
        "default":{"$ref":"#/components/responses/Problem"}}}},
        "/api/status":{"get":{"operationId":"status","summary":"The mount, the servers, and what was synced of them",
        "responses":{"200":{"description":"Done","content":{"application/json":{"schema":{
        "$ref":"#/components/schemas/Status"}}}},"default":{"$ref":"#/components/responses/Problem"}}}},
        "/api/sync":{"post":{"operationId":"sync","summary":"Asks servers what is new, now","requestBody":{
        "required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/SyncRequest"}}}},
        "responses":{"202":{"description":"Begun, or begins after the pass that runs","content":{"application/json":{
        "schema":{"$ref":"#/components/schemas/Sync"}}}},"default":{"$ref":"#/components/responses/Problem"}}}},
        "/api/sync/events":{"get":{"operationId":"syncEvents",
        "summary":"Server-sent events: how things are, then what happens","responses":{"200":{
        "description":"began, progress, ended, health and waiting, each with one JSON object","content":{
        "text/event-stream":{"schema":{"type":"string"}}}},"default":{"$ref":"#/components/responses/Problem"}}}},
        "/api/conflicts":{"get":{"operationId":"conflicts",
        "summary":"Where servers disagree, which value is shown, and what was refused","parameters":[{"name":"kind",
        "in":"query","schema":{"type":"string","enum":["scene","performer","studio","tag","gallery","group","image",
        "scenes","performers","studios","tags","galleries","groups","images"]},"description":"Of this kind only"},{
        "name":"limit","in":"query","schema":{"type":"integer","minimum":0,"maximum":10000,"default":100},
        "description":"How many at most"},{"name":"offset","in":"query","schema":{"type":"integer","minimum":0,
        "maximum":2147483647,"default":0},"description":"How many are left out before"}],"responses":{"200":{
        "description":"Done","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Conflicts"}}}},
        "default":{"$ref":"#/components/responses/Problem"}}}},
        "/api/merge/suggestions":{"get":{"operationId":"mergeSuggestions","summary":"What may be one, the best first",
        "parameters":[{"name":"kind","in":"query","schema":{"type":"string","enum":["scene","performer","studio","tag",
        "gallery","group","image","scenes","performers","studios","tags","galleries","groups","images"]},
        "description":"Of this kind only"},{"name":"limit","in":"query","schema":{"type":"integer","minimum":0,
        "maximum":10000,"default":50},"description":"How many at most"}],"responses":{"200":{"description":"Done",
        "content":{"application/json":{"schema":{"$ref":"#/components/schemas/Suggestions"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/merge/decisions":{"get":{"operationId":"mergeDecisions",
        "summary":"What was decided by hand, the newest first","responses":{"200":{"description":"Done","content":{
        "application/json":{"schema":{"type":"array","items":{"$ref":"#/components/schemas/Decision"}}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/merge/link":{"post":{"operationId":"mergeLink",
        "summary":"Says that two things of different servers are one","requestBody":{"required":true,"content":{
        "application/json":{"schema":{"$ref":"#/components/schemas/Pair"}}}},"responses":{"200":{"description":"Done",
        "content":{"application/json":{"schema":{"$ref":"#/components/schemas/Merge"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/merge/split":{"post":{"operationId":"mergeSplit","summary":"Takes a thing out of what it is joined with",
        "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Single"}}}}
        ,"responses":{"200":{"description":"Done","content":{"application/json":{"schema":{
        "$ref":"#/components/schemas/Merge"}}}},"default":{"$ref":"#/components/responses/Problem"}}}},
        "/api/merge/undo":{"post":{"operationId":"mergeUndo",
        "summary":"Takes a split back, or, with two things, a link","requestBody":{"required":true,"content":{
        "application/json":{"schema":{"$ref":"#/components/schemas/OneOrTwo"}}}},"responses":{"200":{
        "description":"Done","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Merge"}}}},
        "default":{"$ref":"#/components/responses/Problem"}}}},
        "/api/openapi.json":{"get":{"operationId":"description","summary":"This description","responses":{"200":{
        "description":"OpenAPI 3.1","content":{"application/json":{"schema":{"type":"object"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/media/{instance}/{kind}/{id}":{"get":{"operationId":"media",
        "summary":"The file of a scene or an image, or the picture of another thing","parameters":[{"name":"instance",
        "in":"path","required":true,"schema":{"type":"string","minLength":1},"description":"A server's id or name"},{
        "name":"kind","in":"path","required":true,"schema":{"type":"string","enum":["scene","performer","studio","tag",
        "gallery","group","image"]},"description":"What it is"},{"name":"id","in":"path","required":true,"schema":{
        "type":"integer","format":"int64","minimum":1},"description":"The server's own id"},{"name":"Range",
        "in":"header","schema":{"type":"string"},"description":"One range of bytes"},{"name":"If-Range","in":"header",
        "schema":{"type":"string"},"description":"The ETag of which a part is wanted"}],"responses":{"200":{
        "description":"The bytes","headers":{"ETag":{"schema":{"type":"string"}},"Accept-Ranges":{"schema":{
        "type":"string"}}},"content":{"*/*":{"schema":{}}}},"206":{"description":"A part","headers":{"ETag":{"schema":{
        "type":"string"}},"Accept-Ranges":{"schema":{"type":"string"}}},"content":{"*/*":{"schema":{}}}},"304":{
        "description":"It is still what If-None-Match names"},"default":{"$ref":"#/components/responses/Problem"}}}},
        "/api/scenes":{"get":{"operationId":"scenes","summary":"The scenes of the merged library, by name",
        "parameters":[{"$ref":"#/components/parameters/text"},{"$ref":"#/components/parameters/instance"},{
        "$ref":"#/components/parameters/performer"},{"$ref":"#/components/parameters/studio"},{
        "$ref":"#/components/parameters/tag"},{"$ref":"#/components/parameters/group"},{
        "$ref":"#/components/parameters/gallery"},{"$ref":"#/components/parameters/ratingMin"},{
        "$ref":"#/components/parameters/ratingMax"},{"$ref":"#/components/parameters/limit"},{
        "$ref":"#/components/parameters/cursor"},{"$ref":"#/components/parameters/total"}],"responses":{"200":{
        "description":"Done","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Page"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/performers":{"get":{"operationId":"performers","summary":"The performers of the merged library, by name",
        "parameters":[{"$ref":"#/components/parameters/text"},{"$ref":"#/components/parameters/instance"},{
        "$ref":"#/components/parameters/performer"},{"$ref":"#/components/parameters/studio"},{
        "$ref":"#/components/parameters/tag"},{"$ref":"#/components/parameters/group"},{
        "$ref":"#/components/parameters/gallery"},{"$ref":"#/components/parameters/ratingMin"},{
        "$ref":"#/components/parameters/ratingMax"},{"$ref":"#/components/parameters/limit"},{
        "$ref":"#/components/parameters/cursor"},{"$ref":"#/components/parameters/total"}],"responses":{"200":{
        "description":"Done","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Page"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/studios":{"get":{"operationId":"studios","summary":"The studios of the merged library, by name",
        "parameters":[{"$ref":"#/components/parameters/text"},{"$ref":"#/components/parameters/instance"},{
        "$ref":"#/components/parameters/performer"},{"$ref":"#/components/parameters/studio"},{
        "$ref":"#/components/parameters/tag"},{"$ref":"#/components/parameters/group"},{
        "$ref":"#/components/parameters/gallery"},{"$ref":"#/components/parameters/ratingMin"},{
        "$ref":"#/components/parameters/ratingMax"},{"$ref":"#/components/parameters/limit"},{
        "$ref":"#/components/parameters/cursor"},{"$ref":"#/components/parameters/total"}],"responses":{"200":{
        "description":"Done","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Page"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/tags":{"get":{"operationId":"tags","summary":"The tags of the merged library, by name","parameters":[{
        "$ref":"#/components/parameters/text"},{"$ref":"#/components/parameters/instance"},{
        "$ref":"#/components/parameters/performer"},{"$ref":"#/components/parameters/studio"},{
        "$ref":"#/components/parameters/tag"},{"$ref":"#/components/parameters/group"},{
        "$ref":"#/components/parameters/gallery"},{"$ref":"#/components/parameters/ratingMin"},{
        "$ref":"#/components/parameters/ratingMax"},{"$ref":"#/components/parameters/limit"},{
        "$ref":"#/components/parameters/cursor"},{"$ref":"#/components/parameters/total"}],"responses":{"200":{
        "description":"Done","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Page"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/galleries":{"get":{"operationId":"galleries","summary":"The galleries of the merged library, by name",
        "parameters":[{"$ref":"#/components/parameters/text"},{"$ref":"#/components/parameters/instance"},{
        "$ref":"#/components/parameters/performer"},{"$ref":"#/components/parameters/studio"},{
        "$ref":"#/components/parameters/tag"},{"$ref":"#/components/parameters/group"},{
        "$ref":"#/components/parameters/gallery"},{"$ref":"#/components/parameters/ratingMin"},{
        "$ref":"#/components/parameters/ratingMax"},{"$ref":"#/components/parameters/limit"},{
        "$ref":"#/components/parameters/cursor"},{"$ref":"#/components/parameters/total"}],"responses":{"200":{
        "description":"Done","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Page"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/groups":{"get":{"operationId":"groups","summary":"The groups of the merged library, by name",
        "parameters":[{"$ref":"#/components/parameters/text"},{"$ref":"#/components/parameters/instance"},{
        "$ref":"#/components/parameters/performer"},{"$ref":"#/components/parameters/studio"},{
        "$ref":"#/components/parameters/tag"},{"$ref":"#/components/parameters/group"},{
        "$ref":"#/components/parameters/gallery"},{"$ref":"#/components/parameters/ratingMin"},{
        "$ref":"#/components/parameters/ratingMax"},{"$ref":"#/components/parameters/limit"},{
        "$ref":"#/components/parameters/cursor"},{"$ref":"#/components/parameters/total"}],"responses":{"200":{
        "description":"Done","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Page"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}},
        "/api/images":{"get":{"operationId":"images","summary":"The images of the merged library, by name",
        "parameters":[{"$ref":"#/components/parameters/text"},{"$ref":"#/components/parameters/instance"},{
        "$ref":"#/components/parameters/performer"},{"$ref":"#/components/parameters/studio"},{
        "$ref":"#/components/parameters/tag"},{"$ref":"#/components/parameters/group"},{
        "$ref":"#/components/parameters/gallery"},{"$ref":"#/components/parameters/ratingMin"},{
        "$ref":"#/components/parameters/ratingMax"},{"$ref":"#/components/parameters/limit"},{
        "$ref":"#/components/parameters/cursor"},{"$ref":"#/components/parameters/total"}],"responses":{"200":{
        "description":"Done","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Page"}}}},"default":{
        "$ref":"#/components/responses/Problem"}}}}},
        "components":{"securitySchemes":{"token":{"type":"http","scheme":"bearer",
        "description":"`control.token` in the state directory; not asked for on the socket"}},
        "parameters":{"text":{"name":"text","in":"query","schema":{"type":"string"},
        "description":"Words that the title holds"},
        "instance":{"name":"instance","in":"query","schema":{"type":"string"},
        "description":"Those that this server has"},
        "performer":{"name":"performer","in":"query","schema":{"type":"string"},
        "description":"Those of this one, as instance:kind:id"},
        "studio":{"name":"studio","in":"query","schema":{"type":"string"},"description":"Those of this one"},
        "tag":{"name":"tag","in":"query","schema":{"type":"string"},"description":"Those that carry it"},
        "group":{"name":"group","in":"query","schema":{"type":"string"},"description":"Those in it"},
        "gallery":{"name":"gallery","in":"query","schema":{"type":"string"},"description":"Those in it"},
        "ratingMin":{"name":"ratingMin","in":"query","schema":{"type":"integer","minimum":0,"maximum":100},
        "description":"The caller's rating is at least this"},
        "ratingMax":{"name":"ratingMax","in":"query","schema":{"type":"integer","minimum":0,"maximum":100},
        "description":"The caller's rating is at most this"},
        "limit":{"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":200,"default":50},
        "description":"How many at most"},
        "cursor":{"name":"cursor","in":"query","schema":{"type":"string"},"description":"`next` of the page before"},
        "total":{"name":"total","in":"query","schema":{"type":"boolean"},"description":"Count what is on all pages"}},
        "responses":{"Problem":{"description":"Why not (RFC 9457)","content":{"application/problem+json":{"schema":{
        "$ref":"#/components/schemas/Problem"}}}}},
        "schemas":{"Problem":{"type":"object","required":["code","detail","status","title","type"],"properties":{
        "type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer","minimum":400,"maximum":599},
        "code":{"type":"string","enum":["usage","contradiction","not-found","no-host","unavailable","exists","busy",
        "not-stash","no-permission","configuration","io-error","software","forbidden","unauthorized","http"]},"detail":{
        "type":"string"},"hint":{"type":"string"},"diagnosis":{"type":"string"}}},
        "Instance":{"type":"object","required":["createdAt","enabled","hasApiKey","id","name","priority","tls","url",
        "values"],"properties":{"id":{"type":"string","format":"uuid"},"name":{"type":"string"},"url":{"type":"string"},
        "enabled":{"type":"boolean"},"priority":{"type":"integer","format":"int64"},"hasApiKey":{"type":"boolean"},
        "tls":{"type":"string","enum":["system","insecure","file"]},"caFile":{"type":"string"},"createdAt":{
        "type":"string","format":"date-time"},"values":{"type":"integer","format":"int64","minimum":0},"notes":{
        "type":"array","items":{"type":"string"}}}},
        "NewInstance":{"type":"object","required":["name","url"],"properties":{"name":{"type":"string"},"url":{
        "type":"string"},"apiKey":{"type":["string","null"],
        "description":"Sent to this server only, and never told again."},"enabled":{"type":["boolean","null"]},
        "priority":{"type":["integer","null"],"format":"int64"},"tls":{"type":["string","null"],"enum":["system",
        "insecure","file",null]},"caFile":{"type":["string","null"]},"fresh":{"type":["boolean","null"]},"test":{
        "type":["boolean","null"]}},"additionalProperties":false},
        "InstancePatch":{"type":"object","required":[],"properties":{"name":{"type":["string","null"]},"url":{"type":[
        "string","null"]},"apiKey":{"type":["string","null"],"description":"null takes it away"},"enabled":{"type":[
        "boolean","null"]},"priority":{"type":["integer","null"],"format":"int64"},"tls":{"type":["string","null"],
        "enum":["system","insecure","file",null]},"caFile":{"type":["string","null"]},"keepApiKey":{"type":["boolean",
        "null"]},"force":{"type":["boolean","null"]},"test":{"type":["boolean","null"]}},"additionalProperties":false},
        "TestRequest":{"type":"object","required":[],"properties":{"id":{"type":["string","null"]},"url":{"type":[
        "string","null"]},"apiKey":{"type":["string","null"]},"tls":{"type":["string","null"],"enum":["system",
        "insecure","file",null]},"caFile":{"type":["string","null"]},"test":{"type":["boolean","null"]}},
        "additionalProperties":false},
        "Connection":{"type":"object","required":["code","message","ok"],"properties":{"ok":{"type":"boolean"},"code":{
        "type":"string"},"message":{"type":"string"},"hint":{"type":"string"},"version":{"type":"string"},"counts":{
        "type":"object","additionalProperties":{"type":"integer","format":"int64"}},"recognised":{
        "$ref":"#/components/schemas/Recognition"}}},
        "Recognition":{"type":"object","required":["remarks"],"properties":{"former":{"type":"object","required":[
        "byContent","name","removedAt","sentence","values"],"properties":{"name":{"type":"string"},"removedAt":{
        "type":"string","format":"date-time"},"values":{"type":"integer","format":"int64"},"byContent":{
        "type":"boolean"},"sentence":{"type":"string"}}},"remarks":{"type":"array","items":{"type":"string"}}}},
        "Removal":{"type":"object","required":["id","name","purged","values"],"properties":{"id":{"type":"string"},
        "name":{"type":"string"},"values":{"type":"integer","format":"int64"},"purged":{"type":"boolean"}}},
        "Status":{"type":"object","required":["cache","cacheDir","instances","stateDir"],"properties":{"stateDir":{
        "type":"string"},"cacheDir":{"type":"string"},"mount":{"type":"object","required":["mounted","path","pid",
        "since"],"properties":{"path":{"type":"string"},"pid":{"type":"integer","format":"int64"},"since":{
        "type":"string","format":"date-time"},"mounted":{"type":"boolean"},"page":{"type":"string"}}},"cache":{
        "type":"object","required":["directory","instances"],"properties":{"directory":{"type":"string"},"free":{
        "type":"integer","format":"int64"},"instances":{"type":"array","items":{"type":"object","required":["bytes",
        "files","name"],"properties":{"name":{"type":"string"},"files":{"type":"integer","format":"int64"},"bytes":{
        "type":"integer","format":"int64"}}}}}},"instances":{"type":"array","items":{"type":"object","required":[
        "counts","instance","kinds","setAside","state"],"properties":{"instance":{"$ref":"#/components/schemas/Instance"},
        "kinds":{"type":"array","items":{"type":"object","required":["changed","isSuspect","kind","missing","occasion",
        "read","removed","seconds","startedAt"],"properties":{"kind":{"type":"string"},"occasion":{"type":"string","enum":[
        "request","news","time"]},"startedAt":{"type":"string","format":"date-time"},"seconds":{"type":"number"},"read":{
        "type":"integer","format":"int64"},"changed":{"type":"integer","format":"int64"},"removed":{"type":"integer",
        "format":"int64"},"missing":{"type":"integer","format":"int64"},"isSuspect":{"type":"boolean"},"problem":{
        "type":"string"}}}},
        "state":{"type":"object","required":["word"],"properties":{"word":{"type":"string","enum":["up","down",
        "unknown","disabled"]},"since":{"type":"string","format":"date-time"},"reason":{"type":"string"}}},"version":{
        "type":"string"},"sync":{"type":"object","required":[],"properties":{"stage":{"type":"string"},"done":{
        "type":"integer","format":"int64"},"total":{"type":"integer","format":"int64"},"next":{"type":"string",
        "format":"date-time"},"lastSuccess":{"type":"string","format":"date-time"},"failingSince":{"type":"string",
        "format":"date-time"},"lastPass":{"type":"object","required":["at","changed","removed","rows","seconds",
        "setAside","suspects"],"properties":{"at":{"type":"string","format":"date-time"},"seconds":{"type":"number"},
        "rows":{"type":"integer","format":"int64"},"changed":{"type":"integer","format":"int64"},"removed":{
        "type":"integer","format":"int64"},"setAside":{"type":"integer","format":"int64"},"suspects":{"type":"array",
        "items":{"type":"string"}},"problem":{"$ref":"#/components/schemas/Problem"}}}}},"counts":{"type":"object",
        "additionalProperties":{"type":"integer","format":"int64"}},"setAside":{"type":"array","items":{"type":"object",
        "required":["kind","reason"],"properties":{"kind":{"type":"string"},"id":{"type":"integer","format":"int64"},
        "reason":{"type":"string"}}}}}}}}},
        "SyncRequest":{"type":"object","required":[],"properties":{"instances":{"type":["array","null"],"items":{
        "type":"string"}},"force":{"type":["boolean","null"]},"full":{"type":["boolean","null"]}},
        "additionalProperties":false},
        "Sync":{"type":"object","required":["queued"],"properties":{"queued":{"type":"array","items":{"type":"object",
        "required":["id","name","pass"],"properties":{"id":{"type":"string"},"name":{"type":"string"},"pass":{
        "type":"integer","format":"int64","minimum":1}}}}}},
        "Thing":{"type":"object","required":["id","kind","localId"],"properties":{"id":{"type":"string"},"instance":{
        "type":"string"},"instanceId":{"type":"string","format":"uuid"},"kind":{"type":"string"},"localId":{
        "type":"integer","format":"int64"},"title":{"type":"string"}}},
        "Refusal":{"type":"object","required":["evidence","explanation","first","second","text"],"properties":{
        "evidence":{"type":"string","enum":["link","stash-id","file"]},"text":{"type":"string"},"first":{
        "$ref":"#/components/schemas/Thing"},"second":{"$ref":"#/components/schemas/Thing"},"clash":{"type":"array",
        "items":{"$ref":"#/components/schemas/Thing"}},"explanation":{"type":"string"}}},
        "Decision":{"type":"object","required":["decision","inEffect","madeAt","things"],"properties":{"decision":{
        "type":"string","enum":["link","split"]},"things":{"type":"array","items":{"$ref":"#/components/schemas/Thing"}}
        ,"madeAt":{"type":"string","format":"date-time"},"inEffect":{"type":"boolean"},"reason":{"type":"string"}}},
        "Conflicts":{"type":"object","required":["conflicts","refused","total","totalFields"],"properties":{"total":{
        "type":"integer","format":"int64"},"totalFields":{"type":"integer","format":"int64"},"conflicts":{
        "type":"array","items":{"type":"object","required":["fields","kind","members","title"],"properties":{"kind":{
        "type":"string"},"title":{"type":"string"},"members":{"type":"array","items":{
        "$ref":"#/components/schemas/Thing"}},"fields":{"type":"array","items":{"type":"object","required":["field",
        "said","shown"],"properties":{"field":{"type":"string"},"shown":{"$ref":"#/components/schemas/Said"},"said":{
        "type":"array","items":{"$ref":"#/components/schemas/Said"}}}}}}}},"refused":{"type":"array","items":{
        "$ref":"#/components/schemas/Refusal"}}}},
        "Said":{"type":"object","required":["from","value"],"properties":{"from":{"type":"string"},"value":{"type":[
        "string","number","boolean"]}}},
        "Suggestions":{"type":"object","required":["suggestions","total"],"properties":{"total":{"type":"integer",
        "format":"int64"},"suggestions":{"type":"array","items":{"type":"object","required":["first","reasons","score",
        "second"],"properties":{"first":{"$ref":"#/components/schemas/Thing"},"second":{
        "$ref":"#/components/schemas/Thing"},"score":{"type":"integer","format":"int64"},"reasons":{"type":"array",
        "items":{"type":"object","required":["code","text"],"properties":{"code":{"type":"string"},"text":{
        "type":"string"}}}}}}}}},
        "Pair":{"type":"object","required":["first","second"],"properties":{"first":{"type":"string"},"second":{
        "type":"string"}},"additionalProperties":false},
        "Single":{"type":"object","required":["thing"],"properties":{"thing":{"type":"string"}},
        "additionalProperties":false},
        "OneOrTwo":{"type":"object","required":["first"],"properties":{"first":{"type":"string"},"second":{"type":[
        "string","null"]}},"additionalProperties":false},
        "Merge":{"type":"object","required":["notInEffect","refused","together","tookBack"],"properties":{"together":{
        "type":"array","items":{"type":"array","items":{"$ref":"#/components/schemas/Thing"}}},"refused":{
        "type":"array","items":{"$ref":"#/components/schemas/Refusal"}},"notInEffect":{"type":"array","items":{
        "$ref":"#/components/schemas/Decision"}},"tookBack":{"type":"array","items":{
        "$ref":"#/components/schemas/Thing"}}}},
        "Related":{"type":"object","required":["id","title"],"properties":{"id":{"type":"string"},"title":{
        "type":"string"}}},
        "Entity":{"type":"object","required":["favorite","galleries","groups","hasMedia","id","kind","localId","path",
        "performers","sources","stashIds","tags","title","updatedAt"],"properties":{"id":{"type":"string"},"instance":{
        "type":"string"},"instanceId":{"type":"string","format":"uuid"},"kind":{"type":"string","enum":["scene",
        "performer","studio","tag","gallery","group","image"]},"localId":{"type":"integer","format":"int64"},"sources":{
        "type":"array","items":{"type":"object","required":["id","localId"],"properties":{"id":{"type":"string"},
        "instance":{"type":"string"},"instanceId":{"type":"string","format":"uuid"},"localId":{"type":"integer",
        "format":"int64"}}}},"title":{"type":"string"},"path":{"type":"string"},"date":{"type":"string"},"details":{
        "type":"string"},"studio":{"$ref":"#/components/schemas/Related"},"performers":{"type":"array","items":{
        "$ref":"#/components/schemas/Related"}},"tags":{"type":"array","items":{"$ref":"#/components/schemas/Related"}},
        "groups":{"type":"array","items":{"$ref":"#/components/schemas/Related"}},"galleries":{"type":"array","items":{
        "$ref":"#/components/schemas/Related"}},"duration":{"type":"number"},"width":{"type":"integer","format":"int64"}
        ,"height":{"type":"integer","format":"int64"},"size":{"type":"integer","format":"int64"},"hasMedia":{
        "type":"boolean"},"rating":{"type":"integer","format":"int64","minimum":0,"maximum":100},"favorite":{
        "type":"boolean"},"stashRating":{"type":"integer","format":"int64"},"stashIds":{"type":"array","items":{
        "type":"string"}},"updatedAt":{"type":"string"}}},
        "Page":{"type":"object","required":["items"],"properties":{"items":{"type":"array","items":{
        "$ref":"#/components/schemas/Entity"}},"next":{"type":"string"},"total":{"type":"integer","format":"int64"}}}}}}
        """#
}
