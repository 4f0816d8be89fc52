// libcurl for Swift: typed inline functions for what the importer cannot see, which is every variadic function.
// One function for each C type that an option takes, so that a wrong type is an error of the Swift compiler.
#ifndef CCURL_SHIM_H
#define CCURL_SHIM_H

// The checks of typecheck-gcc.h work on constant options only; here every option arrives as a variable.
#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>

// curl_easy_setopt is variadic: options that take a long (flags, enums, milliseconds).
static inline CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

// curl_easy_setopt is variadic: options that take a curl_off_t (sizes beyond 2 GiB).
static inline CURLcode ccurl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

// curl_easy_setopt is variadic: options that take a string, which curl copies (CURLOPT_COPYPOSTFIELDS included).
static inline CURLcode ccurl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

// curl_easy_setopt is variadic: options that take a data pointer, which curl only keeps and hands back.
static inline CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

// curl_easy_setopt is variadic: options that take a header list, which must outlive the transfer.
static inline CURLcode ccurl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

// The shape that CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION share.
typedef size_t (*ccurl_data_callback)(char *data, size_t size, size_t count, void *context);

// curl_easy_setopt is variadic: options that take a data callback.
static inline CURLcode ccurl_set_data_callback(CURL *handle, CURLoption option, ccurl_data_callback value) {
    return curl_easy_setopt(handle, option, value);
}

// curl_easy_setopt is variadic: the callback that says that a connection is there and the request goes out now.
static inline CURLcode ccurl_set_prerequest_callback(CURL *handle, curl_prereq_callback value) {
    return curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, value);
}

// curl_easy_getinfo is variadic: information that is a long.
static inline CURLcode ccurl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}

// curl_multi_setopt is variadic: options of the multi handle that take a long.
static inline CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

// CURLMsg.data is a union; Swift sees its members but cannot say which one is meant as plainly as this.
static inline CURLcode ccurl_message_result(const CURLMsg *message) {
    return message->data.result;
}

#endif
