/* Fake webcam for tests: preloaded into a program (LD_PRELOAD), it answers V4L2 calls on one path like a USB camera.
 *
  * WEBCAM_DEVICE is that path. WEBCAM_FRAMES is a folder with one file per frame, MJPG-0 ... and NV12-0 ..., delivered in turn;
  * YUYV frames have a single color. After WEBCAM_LIMIT frames in total (0: never) the camera behaves as if unplugged.
  * Buffers are in a memory file, so mmap and select work unchanged.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BUFFERS 4
#define BUFFER_BYTES (4u << 20)
#define HANDLES 64

struct camera {
    int in_use;
    __u32 fourcc, width, height, rate;
    int queued[BUFFERS], count, next, streaming;
    unsigned given;
};
static struct camera cameras[HANDLES];
static unsigned given_in_all;

static const __u32 FOURCCS[] = {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_NV12};
static const __u32 SIZES[][2] = {{640, 480}, {1280, 720}};

static int (*real_ioctl(void))(int, unsigned long, ...) {
    static int (*found)(int, unsigned long, ...);
    if (!found) found = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return found;
}

static int is_webcam(const char *path) {
    const char *device = getenv("WEBCAM_DEVICE");
    return device && path && !strcmp(path, device);
}

static int plug_in(void) {
    int handle = memfd_create("webcam", MFD_CLOEXEC);
    if (handle < 0 || handle >= HANDLES || ftruncate(handle, (off_t)BUFFERS * BUFFER_BYTES)) return -1;
    memset(&cameras[handle], 0, sizeof cameras[handle]);
    cameras[handle] = (struct camera){.in_use = 1, .fourcc = V4L2_PIX_FMT_YUYV, .width = 640, .height = 480, .rate = 30};
    return handle;
}

#define OPEN(name)                                                       \
    int name(const char *path, int flags, ...) {                         \
        static int (*real)(const char *, int, ...);                      \
        if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
        va_list rest;                                                    \
        va_start(rest, flags);                                           \
        int mode = va_arg(rest, int);                                    \
        va_end(rest);                                                    \
        return is_webcam(path) ? plug_in() : real(path, flags, mode);    \
    }
OPEN(open)
OPEN(open64)

int close(int handle) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "close");
    if (handle >= 0 && handle < HANDLES) cameras[handle].in_use = 0;
    return real(handle);
}

static int fail(int number) {
    errno = number;
    return -1;
}

static void settle(struct camera *camera, struct v4l2_pix_format *pix) {
    int known = 0;
    for (unsigned i = 0; i < 3; i++) known |= FOURCCS[i] == pix->pixelformat;
    if (!known) pix->pixelformat = V4L2_PIX_FMT_YUYV;
    int large = pix->width > 900;
    pix->width = SIZES[large][0];
    pix->height = SIZES[large][1];
    pix->field = V4L2_FIELD_NONE;
    int compressed = pix->pixelformat == V4L2_PIX_FMT_MJPEG;
    int planar = pix->pixelformat == V4L2_PIX_FMT_NV12;
    pix->bytesperline = compressed ? 0 : planar ? pix->width : pix->width * 2;
    pix->sizeimage = compressed ? BUFFER_BYTES : planar ? pix->width * pix->height * 3 / 2 : pix->width * pix->height * 2;
    camera->fourcc = pix->pixelformat;
    camera->width = pix->width;
    camera->height = pix->height;
}

static ssize_t fill(struct camera *camera, int handle, int index) {
    off_t place = (off_t)index * BUFFER_BYTES;
    if (camera->fourcc == V4L2_PIX_FMT_YUYV) {
        size_t bytes = (size_t)camera->width * camera->height * 2;
        unsigned char *data = malloc(bytes);
        for (size_t i = 0; i < bytes; i += 4) memcpy(data + i, "\x51\x5a\x51\xf0", 4); /* red: Y 81, U 90, V 240 */
        data[0] = (unsigned char)camera->given;
        ssize_t written = pwrite(handle, data, bytes, place);
        free(data);
        return written;
    }
    char path[4096], data[1 << 16];
    const char *name = camera->fourcc == V4L2_PIX_FMT_MJPEG ? "MJPG" : "NV12";
    snprintf(path, sizeof path, "%s/%s-%u", getenv("WEBCAM_FRAMES"), name, camera->given);
    FILE *file = fopen(path, "rb");
    if (!file) {
        snprintf(path, sizeof path, "%s/%s-0", getenv("WEBCAM_FRAMES"), name);
        camera->given = 0;
        file = fopen(path, "rb");
    }
    if (!file) return -1;
    ssize_t all = 0;
    for (size_t part; (part = fread(data, 1, sizeof data, file)) > 0; all += (ssize_t)part)
        if (pwrite(handle, data, part, place + all) < 0) break;
    fclose(file);
    return all;
}

static int dequeue(struct camera *camera, int handle, struct v4l2_buffer *buffer) {
    const char *limit = getenv("WEBCAM_LIMIT");
    if (limit && atoi(limit) && given_in_all >= (unsigned)atoi(limit)) return fail(ENODEV);
    for (int tried = 0; tried < camera->count; tried++) {
        int index = (camera->next + tried) % camera->count;
        if (!camera->queued[index]) continue;
        usleep(2000);
        ssize_t bytes = fill(camera, handle, index);
        if (bytes < 0) return fail(EIO);
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        *buffer = (struct v4l2_buffer){.index = (__u32)index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
        buffer->bytesused = (__u32)bytes;
        buffer->length = BUFFER_BYTES;
        buffer->m.offset = (__u32)index * BUFFER_BYTES;
        buffer->timestamp.tv_sec = now.tv_sec;
        buffer->timestamp.tv_usec = now.tv_nsec / 1000;
        buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        buffer->sequence = camera->given++;
        given_in_all++;
        camera->queued[index] = 0;
        camera->next = index + 1;
        return 0;
    }
    return fail(EAGAIN);
}

static int answer(struct camera *camera, int handle, unsigned long request, void *data) {
    switch ((__u32)request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *found = data;
        memset(found, 0, sizeof *found);
        strcpy((char *)found->driver, "uvcvideo");
        strcpy((char *)found->card, "Test webcam");
        found->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        found->capabilities = found->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *found = data;
        if (found->index >= 3) return fail(EINVAL);
        found->pixelformat = FOURCCS[found->index];
        return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: {
        struct v4l2_frmsizeenum *found = data;
        if (found->index >= 2) return fail(EINVAL);
        found->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        found->discrete.width = SIZES[found->index][0];
        found->discrete.height = SIZES[found->index][1];
        return 0;
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
        struct v4l2_frmivalenum *found = data;
        if (found->index >= 1) return fail(EINVAL);
        found->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        int slow = found->pixel_format == V4L2_PIX_FMT_YUYV && found->width > 900;
        found->discrete = (struct v4l2_fract){1, slow ? 10 : 30};
        return 0;
    }
    case VIDIOC_G_INPUT:
        *(int *)data = 0;
        return 0;
    case VIDIOC_S_INPUT:
        return 0;
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *input = data;
        if (input->index) return fail(EINVAL);
        memset(input, 0, sizeof *input);
        input->type = V4L2_INPUT_TYPE_CAMERA;
        return 0;
    }
    case VIDIOC_G_FMT:
    case VIDIOC_TRY_FMT:
    case VIDIOC_S_FMT: {
        struct v4l2_format *format = data;
        if (format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
        struct camera before = *camera;
        if ((__u32)request == VIDIOC_G_FMT) {
            format->fmt.pix.pixelformat = camera->fourcc;
            format->fmt.pix.width = camera->width;
        }
        settle(camera, &format->fmt.pix);
        if ((__u32)request == VIDIOC_TRY_FMT) *camera = before;
        return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_streamparm *parm = data;
        struct v4l2_fract *interval = &parm->parm.capture.timeperframe;
        if ((__u32)request == VIDIOC_S_PARM && interval->numerator) camera->rate = interval->denominator / interval->numerator;
        parm->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        *interval = (struct v4l2_fract){1, camera->rate};
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *wanted = data;
        if (wanted->count > BUFFERS) wanted->count = BUFFERS;
        camera->count = (int)wanted->count;
        memset(camera->queued, 0, sizeof camera->queued);
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = data;
        if (buffer->index >= (__u32)camera->count) return fail(EINVAL);
        buffer->length = BUFFER_BYTES;
        buffer->m.offset = buffer->index * BUFFER_BYTES;
        return 0;
    }
    case VIDIOC_QBUF: {
        struct v4l2_buffer *buffer = data;
        if (buffer->index >= (__u32)camera->count) return fail(EINVAL);
        camera->queued[buffer->index] = 1;
        return 0;
    }
    case VIDIOC_DQBUF:
        return dequeue(camera, handle, data);
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF:
        camera->streaming = (__u32)request == VIDIOC_STREAMON;
        return 0;
    default:
        return fail(ENOTTY);
    }
}

int ioctl(int handle, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *data = va_arg(rest, void *);
    va_end(rest);
    if (handle >= 0 && handle < HANDLES && cameras[handle].in_use) return answer(&cameras[handle], handle, request, data);
    return real_ioctl()(handle, request, data);
}
