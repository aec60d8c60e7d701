// Made by edgevision for the model {{name}} ({{sha256}}).
package {{package}}

import android.graphics.Bitmap
import android.graphics.Canvas
//[letterbox]
import android.graphics.Color
//[end]
import android.graphics.Matrix
import android.graphics.Rect
import android.graphics.RectF

/** Makes of an image what the model takes: {{preprocessing}}. */
object ModelInput {
    const val WIDTH = {{width}}
    const val HEIGHT = {{height}}
    //[crop]

    /** Share of the largest centered part with the input's shape that is used. */
    private const val CROP_FRACTION = {{crop_fraction}}
    //[end]
    //[letterbox]

    /** Gray value of the border. */
    private const val FILL = {{fill}}
    //[end]

    /** The part of an image that is used, and where it goes in the model's input, in pixels. */
    class Placement(val source: Rect, val target: Rect) {
        /** Converts a box of the model's input to one of the image. */
        fun toImage(box: RectF): RectF {
            val matrix = Matrix()
            matrix.setRectToRect(RectF(target), RectF(source), Matrix.ScaleToFit.FILL)
            return RectF(box).also { matrix.mapRect(it) }
        }
    }

    /** Returns the placement of an upright image. */
    fun placement(width: Int, height: Int): Placement {
        //[crop]
        val scale = minOf(width.toDouble() / WIDTH, height.toDouble() / HEIGHT) * CROP_FRACTION
        val usedWidth = (WIDTH * scale + 0.5).toInt().coerceIn(1, width)
        val usedHeight = (HEIGHT * scale + 0.5).toInt().coerceIn(1, height)
        val left = (width - usedWidth) / 2
        val top = (height - usedHeight) / 2
        val source = Rect(left, top, left + usedWidth, top + usedHeight)
        val target = Rect(0, 0, WIDTH, HEIGHT)
        //[end]
        //[stretch]
        val source = Rect(0, 0, width, height)
        val target = Rect(0, 0, WIDTH, HEIGHT)
        //[end]
        //[letterbox]
        val scale = minOf(WIDTH.toDouble() / width, HEIGHT.toDouble() / height)
        val shownWidth = (width * scale + 0.5).toInt().coerceIn(1, WIDTH)
        val shownHeight = (height * scale + 0.5).toInt().coerceIn(1, HEIGHT)
        //[center]
        val left = (WIDTH - shownWidth) / 2
        val top = (HEIGHT - shownHeight) / 2
        //[end]
        //[top_left]
        val left = 0
        val top = 0
        //[end]
        val source = Rect(0, 0, width, height)
        val target = Rect(left, top, left + shownWidth, top + shownHeight)
        //[end]
        return Placement(source, target)
    }

    /** Returns the model's input for an upright image, as an image of exactly its size: MediaPipe then resizes nothing. */
    fun prepare(image: Bitmap, place: Placement): Bitmap {
        val input = Bitmap.createBitmap(WIDTH, HEIGHT, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(input)
        //[letterbox]
        canvas.drawColor(Color.rgb(FILL, FILL, FILL))
        //[end]
        val scaled = scaled(image, place.source, place.target.width(), place.target.height())
        canvas.drawBitmap(scaled, place.target.left.toFloat(), place.target.top.toFloat(), null)
        return input
    }

    /** Halves a part of an image while it is at least twice as large, then resizes it; a single step would skip pixels. */
    private fun scaled(image: Bitmap, source: Rect, width: Int, height: Int): Bitmap {
        val ratio = minOf(source.width() / width, source.height() / height)
        val factor = Integer.highestOneBit(maxOf(1, ratio))
        val usedWidth = source.width() - source.width() % factor
        val usedHeight = source.height() - source.height() % factor
        val left = source.left + source.width() % factor / 2
        val top = source.top + source.height() % factor / 2
        var part = Bitmap.createBitmap(image, left, top, usedWidth, usedHeight)
        repeat(Integer.numberOfTrailingZeros(factor)) {
            part = Bitmap.createScaledBitmap(part, part.width / 2, part.height / 2, true)
        }
        return Bitmap.createScaledBitmap(part, width, height, true)
    }
}
