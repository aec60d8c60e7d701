/* Fake libedgetpu for the tests: a TFLite external delegate that claims every edgetpu-custom-op.
 *
 * It adds up all bytes of its input, modulo the number of bytes of its output; the output is 255 at that position and 0
 * elsewhere. So the result shows that the delegate ran, and on which input.
 *
 * The environment variable FAKE_EDGETPU selects how it fails: refuse, refuse-second (only the second time), crash, hang
 * (all when the delegate is created), mismatch (when tensors are allocated), fail-invoke, crash-invoke. The declarations
 * follow the documented C API of TensorFlow Lite.
 */
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum { kOk = 0, kError = 1 } Status;

typedef struct { int size; int data[]; } IntArray;

typedef struct {
  int type;
  void* data;
  IntArray* dims;
  struct { float scale; int32_t zero_point; } params;
  int allocation_type;
  size_t bytes;
  const void* allocation;
  const char* name;
  void* delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  struct { int type; void* params; } quantization;
  void* sparsity;
  const IntArray* dims_signature;
} Tensor;

typedef struct {
  IntArray* inputs;
  IntArray* outputs;
} Node; /* has more fields; only used by reference */

typedef struct Context Context;
typedef struct Delegate Delegate;

typedef struct {
  void* (*init)(Context*, const char* buffer, size_t length);
  void (*free)(Context*, void* buffer);
  Status (*prepare)(Context*, Node*);
  Status (*invoke)(Context*, Node*);
  const char* (*profiling_string)(const Context*, const Node*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  void* reserved[8]; /* newer runtimes have more fields; all may be null */
} Registration;

struct Context {
  size_t tensors_size;
  Status (*GetExecutionPlan)(Context*, IntArray**);
  Tensor* tensors;
  void* impl;
  Status (*ResizeTensor)(Context*, Tensor*, IntArray*);
  void (*ReportError)(Context*, const char* format, ...);
  Status (*AddTensors)(Context*, int, int*);
  Status (*GetNodeAndRegistration)(Context*, int node, Node**, Registration**);
  Status (*ReplaceNodeSubsetsWithDelegateKernels)(Context*, Registration, const IntArray* nodes, Delegate*);
};

struct Delegate {
  void* data;
  Status (*Prepare)(Context*, Delegate*);
  Status (*CopyFromBufferHandle)(Context*, Delegate*, int, Tensor*);
  Status (*CopyToBufferHandle)(Context*, Delegate*, int, Tensor*);
  void (*FreeBufferHandle)(Context*, Delegate*, int*);
  int64_t flags;
  void* opaque_builder;
};

static const char kOperator[] = "edgetpu-custom-op";

static bool behaves(const char* how) {
  const char* asked = getenv("FAKE_EDGETPU");
  return asked != NULL && strcmp(asked, how) == 0;
}

/* Return how often a step is in the log so far. */
static int recorded(const char* what) {
  const char* path = getenv("FAKE_EDGETPU_LOG");
  FILE* file = path ? fopen(path, "r") : NULL;
  if (file == NULL) return 0;
  char line[256];
  int count = 0;
  while (fgets(line, sizeof line, file) != NULL) count += strstr(line, what) != NULL;
  fclose(file);
  return count;
}

/* Write one line for each step to the file named by FAKE_EDGETPU_LOG. */
static void record(const char* what, const char* detail) {
  const char* path = getenv("FAKE_EDGETPU_LOG");
  FILE* file = path ? fopen(path, "a") : NULL;
  if (file == NULL) return;
  fprintf(file, "%d %s %s\n", (int)getpid(), what, detail);
  fclose(file);
}

static Status kernel_prepare(Context* context, Node* node) {
  (void)node;
  if (behaves("mismatch")) {
    context->ReportError(context, "Internal: Unsupported data type in custom op handler: 6488064");
    return kError;
  }
  return kOk;
}

static Status kernel_invoke(Context* context, Node* node) {
  const Tensor* in = &context->tensors[node->inputs->data[0]];
  Tensor* out = &context->tensors[node->outputs->data[0]];
  if (behaves("crash-invoke")) raise(SIGSEGV);
  if (behaves("fail-invoke")) {
    context->ReportError(context, "USB transfer error 2 [LibUsbDataOutCallback]");
    return kError;
  }
  uint64_t sum = 0;
  for (size_t i = 0; i < in->bytes; i++) sum += ((const uint8_t*)in->data)[i];
  memset(out->data, 0, out->bytes);
  ((uint8_t*)out->data)[sum % out->bytes] = 255;
  return kOk;
}

static Status delegate_prepare(Context* context, Delegate* delegate) {
  IntArray* plan = NULL;
  if (context->GetExecutionPlan(context, &plan) != kOk) return kError;
  IntArray* claimed = malloc(sizeof(int) * (size_t)(plan->size + 1));
  claimed->size = 0;
  for (int i = 0; i < plan->size; i++) {
    Node* node = NULL;
    Registration* registration = NULL;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration) != kOk) return kError;
    if (registration->custom_name != NULL && strcmp(registration->custom_name, kOperator) == 0)
      claimed->data[claimed->size++] = plan->data[i];
  }
  Registration kernel = {0};
  kernel.prepare = kernel_prepare;
  kernel.invoke = kernel_invoke;
  kernel.custom_name = "FakeEdgeTpuKernel";
  kernel.version = 1;
  char count[16];
  snprintf(count, sizeof count, "%d", claimed->size);
  record("claimed", count);
  Status status = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, claimed, delegate);
  free(claimed);
  return status;
}

Delegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count, void (*report)(const char*)) {
  const char* device = "";
  for (size_t i = 0; i < count; i++)
    if (strcmp(keys[i], "device") == 0) device = values[i];
  record("create", device);
  if (behaves("refuse") || (behaves("refuse-second") && recorded("create") == 2)) {
    if (report != NULL) report("Failed to open the device");
    return NULL;
  }
  if (behaves("crash")) raise(SIGSEGV);
  if (behaves("hang"))
    for (;;) pause();
  Delegate* delegate = calloc(1, sizeof *delegate);
  delegate->Prepare = delegate_prepare;
  delegate->flags = 1; /* kTfLiteDelegateFlagsAllowDynamicTensors */
  return delegate;
}

void tflite_plugin_destroy_delegate(Delegate* delegate) {
  record("destroy", "");
  free(delegate);
}

const char* edgetpu_version(void) { return "BuildLabel(fake), RuntimeVersion(14)"; }

struct edgetpu_device {
  int type;
  const char* path;
};

/* List as many USB devices as FAKE_EDGETPU_DEVICES says. */
struct edgetpu_device* edgetpu_list_devices(size_t* count) {
  const char* asked = getenv("FAKE_EDGETPU_DEVICES");
  *count = asked ? (size_t)atoi(asked) : 0;
  struct edgetpu_device* found = calloc(*count + 1, sizeof *found);
  for (size_t i = 0; i < *count; i++) found[i] = (struct edgetpu_device){1, "/sys/bus/usb/devices/2-1"};
  return found;
}

void edgetpu_free_devices(struct edgetpu_device* devices) { free(devices); }
