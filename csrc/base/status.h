// Errors cross the C boundary as a status code plus a message of the calling thread.
#pragma once
#include "pynn/pynn.h"

namespace pynn {

// Stores the message for pynn_last_error() and returns the code. printf-style.
pynn_status fail(pynn_status code, const char* format, ...) __attribute__((format(printf, 2, 3)));

const char* last_error();  // the calling thread's last message, "" before the first

}  // namespace pynn
